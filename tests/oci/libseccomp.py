#!/usr/bin/env python3
"""Makes filters of OCI seccomp rules with libseccomp, the way runc and crun do.

Reads a JSON object with "linux.seccomp" rules per line and the CPU it is for, and writes the program per line, as
hexadecimal digits, or "refused" where libseccomp takes one of the rules for a contradiction.
Names that libseccomp does not know are skipped. With the word "names" in place of rules it is a list of names, and the
answer those which it knows.
"""
import ctypes
import json
import sys
import tempfile

lib = ctypes.CDLL("libseccomp.so.2")
lib.seccomp_init.restype = ctypes.c_void_p
lib.seccomp_init.argtypes = [ctypes.c_uint32]
lib.seccomp_arch_native.restype = ctypes.c_uint32
lib.seccomp_release.argtypes = [ctypes.c_void_p]
lib.seccomp_arch_add.argtypes = [ctypes.c_void_p, ctypes.c_uint32]
lib.seccomp_arch_remove.argtypes = [ctypes.c_void_p, ctypes.c_uint32]
lib.seccomp_export_bpf.argtypes = [ctypes.c_void_p, ctypes.c_int]


class Compare(ctypes.Structure):
    _fields_ = [
        ("arg", ctypes.c_uint),
        ("op", ctypes.c_int),
        ("datum_a", ctypes.c_uint64),
        ("datum_b", ctypes.c_uint64),
    ]


lib.seccomp_rule_add_array.argtypes = [
    ctypes.c_void_p,
    ctypes.c_uint32,
    ctypes.c_int,
    ctypes.c_uint,
    ctypes.POINTER(Compare),
]

OPERATORS = ["NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ"]
ACTIONS = {
    "KILL": 0,
    "KILL_THREAD": 0,
    "KILL_PROCESS": 0x80000000,
    "TRAP": 0x00030000,
    "ERRNO": 0x00050000,
    "TRACE": 0x7FF00000,
    "LOG": 0x7FFC0000,
    "ALLOW": 0x7FFF0000,
    "NOTIFY": 0x7FC00000,
}
# AUDIT_ARCH_*, with libseccomp's own for x32
CPUS = {
    "X86_64": 0xC000003E,
    "X86": 0x40000003,
    "X32": 0x4000003E,
    "AARCH64": 0xC00000B7,
    "ARM": 0x40000028,
    "RISCV64": 0xC00000F3,
}
NAME_UNKNOWN = -1
REFUSED = (-17,)


def action(name, errno):
    value = ACTIONS[name.removeprefix("SCMP_ACT_")]
    if value in (0x00050000, 0x7FF00000):
        value |= 1 if errno is None else errno
    return value


def number(name):
    return lib.seccomp_syscall_resolve_name(name.encode())


def program(rules, cpu):
    default = action(rules["defaultAction"], rules.get("defaultErrnoRet"))
    context = lib.seccomp_init(default)
    native = lib.seccomp_arch_native()
    if CPUS[cpu] != native:
        check(lib.seccomp_arch_add(context, CPUS[cpu]))
        check(lib.seccomp_arch_remove(context, native))
    for name in rules.get("architectures", []):
        name = name.removeprefix("SCMP_ARCH_")
        if name != cpu:
            check(lib.seccomp_arch_add(context, CPUS[name]))
    for rule in rules.get("syscalls", []):
        result = action(rule["action"], rule.get("errnoRet"))
        if result == default:
            continue
        compares = [
            Compare(
                arg["index"],
                1 + OPERATORS.index(arg["op"].removeprefix("SCMP_CMP_")),
                arg["value"],
                arg.get("valueTwo", 0),
            )
            for arg in rule.get("args") or []
        ]
        indices = [compare.arg for compare in compares]
        apart = len(indices) != len(set(indices))
        for name in rule["names"]:
            call = number(name)
            if call == NAME_UNKNOWN:
                continue
            for group in [[compare] for compare in compares] if apart else [compares]:
                array = (Compare * max(1, len(group)))(*group)
                code = lib.seccomp_rule_add_array(context, result, call, len(group), array)
                if code in REFUSED:
                    lib.seccomp_release(context)
                    return "refused"
                check(code)
    with tempfile.TemporaryFile() as file:
        check(lib.seccomp_export_bpf(context, file.fileno()))
        file.seek(0)
        lib.seccomp_release(context)
        return file.read().hex()


def check(code):
    if code != 0:
        sys.exit(f"libseccomp: error {code}")


for line in sys.stdin:
    task = json.loads(line)
    if "names" in task:
        answer = " ".join(name for name in task["names"] if number(name) != NAME_UNKNOWN)
    else:
        answer = program(task["rules"], task["cpu"])
    print(answer, flush=True)
