/* The floor: a launcher that asks of the kernel what its work needs and nothing else. No C library, no
 * options, no errors, no words of its own: where something fails it ends with 99.
 *
 *   floor WORK ROOT COMMAND [GROUP...]
 *
 * WORK is letters: n a network namespace, l with loopback up, d what mini mounts in every root (/sys, /dev,
 * its nodes, pts, shm, mqueue), m the masks, s capabilities, no_new_privs and the seccomp filter, g limits in
 * the cgroup v1 hierarchies pids, memory and cpu, below the three GROUPs. What is always done: pid, mount,
 * uts and ipc namespaces, private propagation, a bind of the root, pivot_root, detach, /proc. With d also what
 * else mini changes in any container: a session keyring, no groups of the caller's, death with the parent,
 * descriptors closed on exec.
 *
 * The child is a copy of the parent, as fork(2) makes it. x86_64.
 */
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include "filter.h" /* FILTER, by the benchmark: what mini installs */

enum { RDONLY = 1, NOSUID = 2, NODEV = 4, NOEXEC = 8, REMOUNT = 32, BIND = 4096, REC = 16384,
       PRIVATE = 1 << 18, STRICTATIME = 1 << 24 };

static long call(long number, long a, long b, long c, long d, long e)
{
	long result;
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
			 : "rcx", "r11", "memory");
	return result;
}
#define CALL5(n, a, b, c, d, e) call(SYS_##n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e))

static void end(int status)
{
	CALL5(exit_group, status, 0, 0, 0, 0);
	__builtin_unreachable();
}

static long must(long result)
{
	if (result < 0)
		end(99);
	return result;
}

static void mount(const char *source, const char *target, const char *type, long flags, const char *data)
{
	must(CALL5(mount, source, target, type, flags, data));
}

static int has(const char *work, char letter)
{
	for (; *work; work++)
		if (*work == letter)
			return 1;
	return 0;
}

static char *append(char *at, const char *text)
{
	while (*text)
		*at++ = *text++;
	*at = 0;
	return at;
}

static void write_file(const char *directory, const char *name, const char *value, int length)
{
	char path[512];
	append(append(append(path, directory), "/"), name);
	long file = must(CALL5(open, path, 1, 0, 0, 0));
	must(CALL5(write, file, value, length, 0, 0));
	CALL5(close, file, 0, 0, 0, 0);
}

static void devices(int read_only, int groups)
{
	static const struct { const char *name; int device; } nodes[] = {
		{"/dev/null", 0x103}, {"/dev/zero", 0x105}, {"/dev/full", 0x107},
		{"/dev/random", 0x108}, {"/dev/urandom", 0x109}, {"/dev/tty", 0x500}};
	mount("sysfs", "/sys", "sysfs", NOSUID | NODEV | NOEXEC | (read_only ? RDONLY : 0), 0);
	if (groups) {
		static const char *names[] = {"pids", "memory", "cpu"};
		mount("tmpfs", "/sys/fs/cgroup", "tmpfs", NOSUID | NODEV | NOEXEC, "mode=0755,size=64k");
		for (int i = 0; i < 3; i++) {
			char path[64];
			append(append(path, "/sys/fs/cgroup/"), names[i]);
			CALL5(mkdir, path, 0755, 0, 0, 0);
			mount("cgroup", path, "cgroup", RDONLY | NOSUID | NODEV | NOEXEC, names[i]);
		}
		mount(0, "/sys/fs/cgroup", 0, REMOUNT | BIND | RDONLY | NOSUID | NODEV | NOEXEC, 0);
	}
	mount("tmpfs", "/dev", "tmpfs", NOSUID | STRICTATIME, "mode=0755,size=64k,nr_inodes=256");
	for (int i = 0; i < 6; i++)
		must(CALL5(mknod, nodes[i].name, 020666, nodes[i].device, 0, 0));
	must(CALL5(symlink, "/proc/self/fd", "/dev/fd", 0, 0, 0));
	must(CALL5(symlink, "/proc/self/fd/0", "/dev/stdin", 0, 0, 0));
	must(CALL5(symlink, "/proc/self/fd/1", "/dev/stdout", 0, 0, 0));
	must(CALL5(symlink, "/proc/self/fd/2", "/dev/stderr", 0, 0, 0));
	must(CALL5(symlink, "pts/ptmx", "/dev/ptmx", 0, 0, 0));
	must(CALL5(mkdir, "/dev/pts", 0755, 0, 0, 0));
	mount("devpts", "/dev/pts", "devpts", NOSUID | NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5");
	must(CALL5(mkdir, "/dev/shm", 0755, 0, 0, 0));
	mount("shm", "/dev/shm", "tmpfs", NOSUID | NODEV | NOEXEC, "mode=1777,size=64m");
	must(CALL5(mkdir, "/dev/mqueue", 0755, 0, 0, 0));
	mount("mqueue", "/dev/mqueue", "mqueue", NOSUID | NODEV | NOEXEC, 0);
}

static void masks(void)
{
	static const char *files[] = {"/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
				      "/proc/sched_debug", "/proc/timer_list", "/proc/timer_stats"};
	static const char *directories[] = {"/proc/acpi", "/proc/asound", "/proc/scsi", "/sys/firmware"};
	static const char *protected[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};
	/* What a kernel does not have is passed over. */
	for (unsigned i = 0; i < sizeof files / sizeof *files; i++)
		CALL5(mount, "/dev/null", files[i], 0, BIND, 0);
	for (unsigned i = 0; i < sizeof directories / sizeof *directories; i++)
		CALL5(mount, "/proc/sys/fs/binfmt_misc", directories[i], 0, BIND, 0);
	for (unsigned i = 0; i < sizeof protected / sizeof *protected; i++)
		if (CALL5(mount, protected[i], protected[i], 0, BIND | REC, 0) == 0)
			mount(0, protected[i], 0, REMOUNT | BIND | RDONLY | NOSUID | NODEV | NOEXEC, 0);
}

static void loopback(void)
{
	struct { char name[16]; short flags; char rest[22]; } request = {"lo", 1, {0}};
	long socket = must(CALL5(socket, 1, 2, 0, 0, 0));
	must(CALL5(ioctl, socket, 0x8914, &request, 0, 0)); /* SIOCSIFFLAGS, IFF_UP */
	CALL5(close, socket, 0, 0, 0, 0);
}

static void security(void)
{
	const unsigned kept = 0xa80425fb;
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2] = {{kept, kept, 0}, {0, 0, 0}};
	const struct sock_fprog program = {sizeof FILTER / sizeof *FILTER, (void *)FILTER};
	for (int i = 0; i <= 40; i++)
		if (i >= 32 || !(kept >> i & 1))
			CALL5(prctl, PR_CAPBSET_DROP, i, 0, 0, 0);
	must(CALL5(capset, &header, data, 0, 0, 0));
	must(CALL5(prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	must(CALL5(seccomp, SECCOMP_SET_MODE_FILTER, 0, &program, 0, 0));
}

__attribute__((noreturn, used)) static void start(long *stack)
{
	char **argv = (char **)(stack + 1);
	const char *work = argv[1], *root = argv[2], *command = argv[3];
	char *const words[] = {argv[3], 0};
	char *const environment[] = {"PATH=/bin", 0};
	char groups[3][384];
	long tasks[3];
	int limited = has(work, 'g');

	for (int i = 0; limited && i < 3; i++) {
		char path[512];
		append(append(groups[i], argv[4 + i]), "/floor");
		must(CALL5(mkdir, groups[i], 0755, 0, 0, 0));
		if (i == 0)
			write_file(groups[i], "pids.max", "100", 3);
		if (i == 1) {
			write_file(groups[i], "memory.limit_in_bytes", "67108864", 8);
			write_file(groups[i], "memory.memsw.limit_in_bytes", "134217728", 9);
		}
		if (i == 2) {
			write_file(groups[i], "cpu.cfs_period_us", "100000", 6);
			write_file(groups[i], "cpu.cfs_quota_us", "50000", 5);
		}
		append(append(path, groups[i]), "/tasks");
		tasks[i] = must(CALL5(open, path, 1, 0, 0, 0));
	}
	long flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | 17;
	if (has(work, 'n'))
		flags |= CLONE_NEWNET;
	if (has(work, 'd') && !limited)
		flags |= CLONE_NEWCGROUP;
	long child = must(CALL5(clone, flags, 0, 0, 0, 0));
	if (child) {
		int status = 0;
		must(CALL5(wait4, child, &status, 0, 0, 0));
		for (int i = 0; limited && i < 3; i++)
			must(CALL5(rmdir, groups[i], 0, 0, 0, 0));
		end(status >> 8 & 255);
	}
	for (int i = 0; limited && i < 3; i++) {
		must(CALL5(write, tasks[i], "0", 1, 0, 0));
		CALL5(close, tasks[i], 0, 0, 0, 0);
	}
	if (limited)
		must(CALL5(unshare, CLONE_NEWCGROUP, 0, 0, 0, 0));
	if (has(work, 'd')) {
		must(CALL5(prctl, PR_SET_PDEATHSIG, 9, 0, 0, 0));
		must(CALL5(keyctl, 1, 0, 0, 0, 0)); /* KEYCTL_JOIN_SESSION_KEYRING */
		must(CALL5(setgroups, 0, 0, 0, 0, 0));
		must(CALL5(close_range, 3, -1, 4, 0, 0));
	}
	mount("none", "/", 0, REC | PRIVATE, 0);
	mount(root, root, 0, BIND | REC, 0);
	must(CALL5(chdir, root, 0, 0, 0, 0));
	must(CALL5(pivot_root, ".", ".", 0, 0, 0));
	/* The old root lies on the new one until it is let go. */
	must(CALL5(umount2, ".", 2, 0, 0, 0));
	mount("proc", "/proc", "proc", NOSUID | NODEV | NOEXEC, 0);
	if (has(work, 'd')) {
		CALL5(umask, 0, 0, 0, 0, 0);
		devices(has(work, 's'), limited);
		CALL5(umask, 022, 0, 0, 0, 0);
		must(CALL5(sethostname, "mini", 4, 0, 0, 0));
	}
	if (has(work, 'm'))
		masks();
	if (has(work, 'l'))
		loopback();
	if (has(work, 's'))
		security();
	CALL5(execve, command, words, environment, 0, 0);
	for (;;)
		end(99);
}

__asm__(".globl _start\n_start:\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall start\n");
