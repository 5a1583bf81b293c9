// SPDX-License-Identifier: Apache-2.0
//
// How the acceptance report looks. States are told by words and by the frame around them, so that it reads the same on
// a black-and-white printer. Long digests wrap; rows stay together; heads of tables come again on each page.
#pragma once

#include <string_view>

namespace sealift::report {

inline constexpr std::string_view kAcceptanceStyle = R"css(
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0; background: #f3f4f5; color: #111; font: 14px/1.45 "Noto Sans", "Segoe UI", "Helvetica Neue", Arial, "DejaVu Sans", sans-serif; }
main { max-width: 1080px; margin: 24px auto; padding: 40px 48px; background: #fff; border: 1px solid #d5d8db; }
h1 { font-size: 28px; line-height: 1.2; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 19px; margin: 40px 0 10px; padding-bottom: 4px; border-bottom: 2px solid #111; break-after: avoid; }
h3 { font-size: 15px; margin: 22px 0 6px; break-after: avoid; }
p { margin: 6px 0; overflow-wrap: anywhere; }
a { color: inherit; }
.heading { font-size: 13px; letter-spacing: .06em; text-transform: uppercase; color: #444; margin: 0 0 4px; }
.subtitle { font-size: 17px; color: #333; margin: 4px 0 18px; }
.verdict { display: flex; align-items: center; gap: 16px; border: 2px solid #111; padding: 12px 16px; margin: 0 0 14px; font-size: 16px; font-weight: 600; break-inside: avoid; }
.verdict.fail { border-width: 4px; }
.verdict .state { font-size: 15px; padding: 4px 10px; }
.sums { display: grid; grid-template-columns: repeat(4, 1fr); gap: 10px; margin: 0 0 18px; break-inside: avoid; }
.sums div { border: 1px solid #999; padding: 6px 12px 8px; }
.sums b { display: block; font-size: 22px; line-height: 1.2; font-variant-numeric: tabular-nums; }
.sums span { font-size: 12px; color: #333; }
dl { display: grid; grid-template-columns: 150px 1fr; gap: 3px 16px; margin: 0; }
dt { color: #444; }
dd { margin: 0; overflow-wrap: anywhere; }
nav { margin-top: 22px; font-size: 13px; color: #444; }
nav a { margin-right: 14px; white-space: nowrap; }
table { width: 100%; border-collapse: collapse; font-size: 12.5px; line-height: 1.35; margin: 4px 0 8px; }
caption { text-align: left; color: #444; padding: 0 0 4px; font-size: 12.5px; }
th { text-align: left; font-weight: 600; border-bottom: 1.5px solid #111; padding: 4px 8px 4px 0; vertical-align: bottom; }
td { border-bottom: 1px solid #ccc; padding: 4px 8px 4px 0; vertical-align: top; overflow-wrap: anywhere; }
th:last-child, td:last-child { padding-right: 0; }
tr { break-inside: avoid; }
thead { display: table-header-group; }
td.narrow, th.narrow { width: 1%; white-space: nowrap; overflow-wrap: normal; }
.w16 { width: 16%; } .w20 { width: 20%; } .w24 { width: 24%; } .w30 { width: 30%; } .w40 { width: 40%; } .w60 { width: 60%; }
.code { font-family: "Noto Sans Mono", "DejaVu Sans Mono", Consolas, Menlo, monospace; font-size: .9em; }
.small { color: #444; font-size: .92em; }
.remedy::before { content: "To do: "; font-weight: 600; }
.state { display: inline-block; font-size: 11px; line-height: 1.25; font-weight: 700; padding: 1px 6px; border: 1.5px solid transparent; white-space: nowrap; }
.state.fail { background: #111; color: #fff; border-color: #111; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
.state.warn { border: 2px solid #111; }
.state.waived { border: 1.5px dashed #111; }
.state.ok { font-weight: 400; padding-left: 0; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: 11.5px; line-height: 1.4; border: 1px solid #ccc; padding: 10px 12px; margin: 6px 0; }
.sign { display: grid; grid-template-columns: 1fr 1fr; gap: 40px; margin-top: 26px; break-inside: avoid; }
.sign h3 { margin: 0 0 6px; }
.sign .line { display: flex; align-items: flex-end; height: 40px; border-bottom: 1px solid #111; font-size: 12px; color: #444; padding-bottom: 3px; }
.sign .signature { height: 64px; }
.remarks { margin-top: 14px; break-inside: avoid; }
.remarks .line { display: flex; align-items: flex-end; height: 30px; border-bottom: 1px solid #999; font-size: 12px; color: #444; padding-bottom: 3px; }
@media (max-width: 700px) { main { padding: 20px 16px; margin: 0; } .sums, .sign { grid-template-columns: 1fr 1fr; gap: 12px; } dl { grid-template-columns: 1fr; } dd { margin-bottom: 6px; } table { display: block; overflow-x: auto; } }
@page { size: A4; margin: 16mm 15mm 17mm;
  @bottom-left { font: 8pt Arial, "DejaVu Sans", sans-serif; color: #444; }
  @bottom-right { content: "page " counter(page) " of " counter(pages); font: 8pt Arial, "DejaVu Sans", sans-serif; color: #444; } }
@media print {
  body { background: #fff; font-size: 9.5pt; }
  main { max-width: none; margin: 0; padding: 0; border: 0; }
  nav { display: none; }
  dl { break-inside: avoid; }
  h1 { font-size: 20pt; }
  h2 { font-size: 13pt; margin-top: 8mm; }
  h3 { font-size: 10.5pt; }
  .subtitle { font-size: 12pt; margin-bottom: 4mm; }
  .verdict { font-size: 11pt; }
  dl { grid-template-columns: 34mm 1fr; gap: 1mm 4mm; font-size: 9pt; }
  table, caption { font-size: 8pt; line-height: 1.3; }
  td { padding: .7mm 2mm .7mm 0; }
  td .code { font-size: 6.6pt; }
  .sign { margin-top: 14px; }
  .sign .line { height: 32px; }
  .sign .signature { height: 52px; }
  .remarks { margin-top: 8px; }
  .remarks .line { height: 26px; }
  pre { font-size: 7.5pt; border: 0; padding: 0; }
  .state { font-size: 7pt; line-height: 1.1; }
  .verdict .state { font-size: 11pt; }
  .page { break-before: page; margin-top: 0; }
}
)css";

}  // namespace sealift::report
