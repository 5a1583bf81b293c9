# SPDX-License-Identifier: Apache-2.0
#
# Brings the agent onto a host, over the stdin of one command (landing.h). A folder that only root can change and that has
# the right program: say so, drop stdin up to the marker, become the agent. Else the first folder in which a program can be
# started, and whether it had to be made: drop stdin up to the marker, take the rest under a temporary name there, let the
# new program say its own digest, rename it.
#
# The build takes out comments and line breaks: any login shell (csh and fish too) must hand it on within single quotes. So
# there are no backslashes, no single quotes, no exclamation marks, and every statement says where it ends. Nothing but a
# POSIX sh, cat, chmod, mkdir, mv, rm, ls and pwd is used.
echo;
umask 022;
n=agent-@DIGEST@;  # the agent's file
h=@DIGEST@;
m=@MARKER@;
w=;  # the last folder that is not root's alone

skip() {
  while IFS= read -r l; do
    if [ "$l" = "$m" ]; then return 0; fi;
  done;
  exit 1;
};

# Makes $d the real path of a folder, which need not be there yet.
place() {
  q=$1;
  until [ -d "${q:-/}" ]; do q=${q%/*}; done;
  cd -P "${q:-/}" 2>/dev/null || return 1;
  d=$(pwd -P);
  d=${d%/}${1#"$q"};
  cd /;
};

# True if nobody but root can put something into $d: it, if it is there, and every folder above are root's own, and those
# above are writable by others only where the sticky bit keeps these from renaming what is not theirs. Else $b is the one
# that is not so. (To -O, root is who runs this.)
root_only() {
  p=$d;
  until [ -d "${p:-/}" ]; do p=${p%/*}; done;
  while :; do
    b=${p:-/};
    set -- $(ls -ldn "$b" 2>/dev/null);
    [ "$3" = 0 ] || [ -O "$b" ] || return 1;
    case $1 in
      d????-??-*) ;;
      d????????[tT]*) if [ "$p" = "$d" ]; then return 1; fi;;
      *) return 1;;
    esac;
    [ "$p" ] || return 0;
    p=${p%/*};
  done;
};

for f in @FOLDERS@; do
  place "$f" || continue;
  if [ -x "$d/$n" ] && [ -O "$d/$n" ] && root_only && [ "$("$d/$n" agent --self-check </dev/null 2>/dev/null)" = $h ]; then
    echo "SEALIFT-LANDING have $d";
    skip;
    exec "$d/$n" agent @ARGUMENTS@;
  fi;
done;

for f in @FOLDERS@; do
  place "$f" || continue;
  root_only || { w=$b; continue; };
  t="$d/.try-$$";
  s=make;
  if [ -d "$d" ]; then s=send; fi;
  if mkdir -p "$d" 2>/dev/null && root_only && echo : 2>/dev/null >"$t" && chmod 755 "$t" && "$t" 2>/dev/null; then
    rm -f "$t";
    t="$d/.$n-$$";
    echo "SEALIFT-LANDING $s $d";
    skip;
    if cat >"$t" && chmod 755 "$t" && [ "$("$t" agent --self-check </dev/null)" = $h ] && mv -f "$t" "$d/$n"; then
      echo;
      echo "SEALIFT-LANDED ok";
      exit 0;
    fi;
    rm -f "$t";
    echo;
    echo "SEALIFT-LANDED no";
    exit 1;
  fi;
  rm -f "$t" 2>/dev/null;
done;
echo "SEALIFT-LANDING none $w";
exit 1
