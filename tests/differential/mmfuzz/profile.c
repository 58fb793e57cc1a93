/* SPDX-License-Identifier: MIT
 * profile.c - what the host's kernel is and how it is set up: asked of the system, or tried out.  A host the model has
 * no row for, or a setting it does not know, is a reason not to compare. */
#include "mmfuzz.h"

#include <fcntl.h>
#include <linux/prctl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#define OLDEST_KNOWN 601u
#define NEWEST_KNOWN 619u
#define EXT4_MAGIC 0xef53
#define GUARD_INSTALL 102
#define TRY_PAGES 64u

#define THP "/sys/kernel/mm/transparent_hugepage/"

static bool read_text(const char *path, char *to, size_t room)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, to, room - 1);

    if (fd >= 0)
        close(fd);
    to[n > 0 ? n : 0] = 0;
    return n > 0;
}

static u64 read_number(const char *path, u64 otherwise)
{
    char t[64];
    return read_text(path, t, sizeof t) ? strtoull(t, NULL, 10) : otherwise;
}

/* Is this the chosen one of "a [b] c"? */
static bool chosen(const char *path, const char *word)
{
    char t[160], want[40];

    snprintf(want, sizeof want, "[%s]", word);
    return read_text(path, t, sizeof t) && strstr(t, want);
}

/* ---- tried out ------------------------------------------------------------------------------------------------- */

static u64 pagemap_of(const void *at)
{
    u64 w = 0;
    int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

    if (fd >= 0 && pread(fd, &w, sizeof w, (off_t)((uintptr_t)at >> PAGE_LG2 << 3)) != sizeof w)
        w = 0;
    if (fd >= 0)
        close(fd);
    return w;
}

/* The window of fault-around: how much one read of a cached file maps. */
static u32 try_fault_around(void)
{
    int fd = memfd_create("try", MFD_CLOEXEC);
    char *area = mmap(NULL, 4 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *at;
    static const char zeros[PAGE_BYTES];
    u32 n = 0;

    for (u32 i = 0; i < TRY_PAGES; i++)
        if (pwrite(fd, zeros, sizeof zeros, (off_t)i * PAGE_BYTES) < 0)
            return 0;
    at = (char *)(((uintptr_t)area + (2 << 20) - 1) & ~((uintptr_t)(2 << 20) - 1));
    at = mmap(at, TRY_PAGES * PAGE_BYTES, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0);
    if (at == MAP_FAILED)
        return 0;
    (void)*(volatile char *)at;
    while (n < TRY_PAGES && pagemap_of(at + n * PAGE_BYTES) >> 63)
        n++;
    munmap(area, 4 << 20);
    close(fd);
    return n * (u32)PAGE_BYTES;
}

static bool try_soft_dirty(void)
{
    char *at = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    bool set;

    if (at == MAP_FAILED)
        return false;
    *at = 1;
    set = pagemap_of(at) >> 55 & 1;
    munmap(at, PAGE_BYTES);
    return set;
}

/* Does a mapping with guard markers carry the flag "gu" (6.19, or a kernel that took it over)? */
static bool try_guard_flag(void)
{
    char *at = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), line[256], start[32];
    FILE *f;
    bool in = false, flag = false;

    if (at == MAP_FAILED || madvise(at, PAGE_BYTES, GUARD_INSTALL))
        return false;
    snprintf(start, sizeof start, "%lx-", (unsigned long)at);
    f = fopen("/proc/self/smaps", "re");
    while (f && fgets(line, sizeof line, f)) {
        if (!strncmp(line, start, strlen(start)))
            in = true;
        if (in && !strncmp(line, "VmFlags:", 8)) {
            flag = strstr(line, " gu ") != NULL;
            break;
        }
    }
    if (f)
        fclose(f);
    munmap(at, PAGE_BYTES);
    return flag;
}

static bool try_anon_names(void)
{
    char *at = mmap(NULL, PAGE_BYTES, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    bool may;

    if (at == MAP_FAILED)
        return false;
    may = prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, at, PAGE_BYTES, "try") == 0;
    munmap(at, PAGE_BYTES);
    return may;
}

static bool try_keys(void)
{
    int key = pkey_alloc(0, 0);

    if (key >= 0)
        pkey_free(key);
    return key >= 0;
}

/* ---- asked ----------------------------------------------------------------------------------------------------- */

static void because(struct profile *p, const char *why, const char *detail)
{
    if (!p->why_not[0])
        snprintf(p->why_not, sizeof p->why_not, "%s%s", why, detail);
}

static void ask_version(struct profile *p)
{
    struct utsname u;
    unsigned major = 0, minor = 0;

    uname(&u);
    if (sscanf(u.release, "%u.%u", &major, &minor) != 2 || minor > 99)
        major = 0;
    p->version = major * 100 + minor;
    if (p->version < OLDEST_KNOWN || p->version > NEWEST_KNOWN)
        because(p, "the model has no row for this kernel version: ", u.release);
    if (p->version == 618 && try_guard_flag())
        p->version = 619;
    snprintf(p->name, sizeof p->name, "Linux %.40s (rules of %u.%u)", u.release, p->version / 100, p->version % 100);
}

static void ask_thp(struct profile *p)
{
    static const char *const names[] = { "never", "madvise", "always" };
    static const char *const sizes[] = { "16", "32", "64", "128", "256", "512", "1024" };
    char path[120];

    p->kernel.thp = MM_THP_NEVER;
    for (u32 i = 0; i < 3; i++)
        if (chosen(THP "enabled", names[i]))
            p->kernel.thp = (enum mm_thp)i;
    for (u32 i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        snprintf(path, sizeof path, THP "hugepages-%skB/enabled", sizes[i]);
        if (access(path, R_OK) == 0 && !chosen(path, "never"))
            because(p, "transparent huge pages of other sizes than 2M are on: ", path);
    }
    if (access(THP "shmem_enabled", R_OK) == 0 && !chosen(THP "shmem_enabled", "never"))
        because(p, "huge pages for shared memory are on: ", THP "shmem_enabled");
    if (access(THP "use_zero_page", R_OK) == 0 && read_number(THP "use_zero_page", 1) != 1)
        because(p, "the huge zero page is off: ", THP "use_zero_page");
}

static void ask_sysctls(struct profile *p)
{
    const u64 mode = read_number("/proc/sys/vm/overcommit_memory", 0);
    struct sysinfo s;

    if (mode == 2)
        because(p, "vm.overcommit_memory is 2", "");
    if (read_number("/proc/sys/vm/legacy_va_layout", 0))
        because(p, "vm.legacy_va_layout is on", "");
    sysinfo(&s);
    p->kernel.overcommit = mode ? MM_OVERCOMMIT_ALWAYS : MM_OVERCOMMIT_GUESS;
    p->kernel.totalram_bytes = (s.totalram + s.totalswap) * s.mem_unit;
    p->kernel.max_map_count = (u32)read_number("/proc/sys/vm/max_map_count", 65530);
    p->kernel.mmap_min_addr = read_number("/proc/sys/vm/mmap_min_addr", 65536);
}

/* Of the disk under the folder: of its device, or of the device of which it is a partition. */
static u32 ask_readahead(const char *disk_folder)
{
    static const char *const where[] = { "queue", "../queue" };
    struct stat st;
    char path[120];
    u64 kb = 0;

    if (stat(disk_folder, &st) < 0)
        return 0;
    for (u32 i = 0; i < 2 && !kb; i++) {
        snprintf(path, sizeof path, "/sys/dev/block/%u:%u/%s/read_ahead_kb", major(st.st_dev), minor(st.st_dev),
                 where[i]);
        kb = read_number(path, 0);
    }
    return (u32)(kb << 10 & ~PAGE_MASK_LOW);
}

/* The hard limit, raised if this process may; the performer's own memory counts in it. */
static u64 ask_memlock(void)
{
    const u64 ours = PROGRAM_BYTES + page_up(sizeof(struct wire));
    struct rlimit r = { RLIM_INFINITY, RLIM_INFINITY };

    if (setrlimit(RLIMIT_MEMLOCK, &r) == 0)
        return ~(u64)0;
    getrlimit(RLIMIT_MEMLOCK, &r);
    return r.rlim_max > ours ? page_down(r.rlim_max - ours) : 0;
}

void profile_ask(struct profile *p, const char *disk_folder)
{
    struct statfs st;

    memset(p, 0, sizeof *p);
    kernel_config_init(&p->kernel);
    ask_version(p);
    ask_thp(p);
    ask_sysctls(p);
    p->kernel.version = p->version;
    p->kernel.fault_around_bytes = try_fault_around();
    if (!p->kernel.fault_around_bytes || (p->kernel.fault_around_bytes & (p->kernel.fault_around_bytes - 1)))
        because(p, "fault-around cannot be made out", "");
    p->kernel.readahead_bytes = ask_readahead(disk_folder);
    p->memlock_bytes = ask_memlock();
    p->kernel.soft_dirty = p->soft_dirty = try_soft_dirty();
    p->keys = try_keys();
    p->kernel.anon_names = try_anon_names();
    p->disk = statfs(disk_folder, &st) == 0 && st.f_type == EXT4_MAGIC;
}
