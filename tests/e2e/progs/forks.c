/* SPDX-License-Identifier: MIT
 * forks.c - 100 pages written, fork, the child writes them all again and the parent waits: in the child 100 copies.
 * With an argument the child then executes it. */
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    char *p = mmap(NULL, 100 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int status = 0;
    pid_t pid;
    for (int i = 0; i < 100; i++)
        p[i * 4096] = 1;
    pid = fork();
    if (pid == 0) {
        for (int i = 0; i < 100; i++)
            p[i * 4096] = 2;
        if (argc > 1)
            execv(argv[1], argv + 1);
        _exit(3);
    }
    waitpid(pid, &status, 0);
    printf("%d\n", WEXITSTATUS(status));
    return 0;
}
