# SPDX-License-Identifier: Apache-2.0
"""Folders that somebody prepared for `extract --to`. Each takes the folder, which is there and empty; `outside` lies beside
it, and holds a file `kept`, whose bytes must stay."""
import os


def links_to_outside(folder):
    (folder / "files").symlink_to(folder.parent / "outside")


def a_link_within(folder):
    (folder / "files").mkdir()
    (folder / "files" / "x").symlink_to("../../outside")


def a_link_where_the_file_belongs(folder):
    (folder / "files").mkdir()
    (folder / "files" / "a").symlink_to("../../outside/kept")


def a_dangling_link_where_the_file_belongs(folder):
    (folder / "files").mkdir()
    (folder / "files" / "a").symlink_to("../../outside/made")


def a_hard_link_where_the_file_belongs(folder):
    (folder / "files").mkdir()
    os.link(folder.parent / "outside" / "kept", folder / "files" / "a")


def a_pipe_where_the_file_belongs(folder):
    (folder / "files").mkdir()
    os.mkfifo(folder / "files" / "a")


def a_pipe_where_a_folder_belongs(folder):
    os.mkfifo(folder / "files")


def a_socket_where_the_file_belongs(folder):
    import socket
    (folder / "files").mkdir()
    with socket.socket(socket.AF_UNIX) as end:
        end.bind(str(folder / "files" / "a"))


def a_folder_where_the_file_belongs(folder):
    (folder / "files" / "a").mkdir(parents=True)


def a_file_where_a_folder_belongs(folder):
    (folder / "files").write_text("x")


def a_file_of_another_time(folder):
    (folder / "files").mkdir()
    (folder / "files" / "a").write_text("earlier")


def a_folder_that_is_a_pipe(folder):
    folder.rmdir()
    os.mkfifo(folder)
