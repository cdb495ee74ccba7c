// The stub's address space and the pages it shares with the kernel, as numbers that both the
// assembly (stub.S) and C++ (wire.h, which asserts that its structs agree) include.
#pragma once

// ---- The stub's own area: everything above the guest's limit. One GiB, so that bits 30 and up tell
// whether an address lies in it.
#define STUB_BASE 0x7fffc0000000
#define STUB_END 0x7ffffffff000
#define STUB_CODE STUB_BASE
#define STUB_CODE_SIZE 0x4000
#define STUB_TEMPLATE_PAGE (STUB_BASE + 0x8000)  // read-write, in the template only
#define STUB_RING (STUB_BASE + 0x10000)          // requests, read-only
#define STUB_RING_SIZE 0x5000
#define STUB_TRAMPOLINES (STUB_BASE + 0x100000)
#define STUB_TRAMPOLINES_SIZE 0x80000
#define STUB_VDSO (STUB_BASE + 0x200000)  // vvar pages, then the vdso
#define STUB_SLOTS (STUB_BASE + 0x10000000)
#define STUB_BASE_SHIFT 30
#define STUB_BASE_TAG 0x1ffff  // STUB_BASE >> STUB_BASE_SHIFT

// ---- Low memory: jmp *abs32 of a patched site goes through here. The jump's last two bytes are then
// 06 00, and 06 is no instruction in 64-bit mode: a jump there raises SIGILL (call_site.h).
#define LOW_SITE_TABLE 0x60000    // where each site's trampoline is (the same in all stubs)
#define LOW_RETURN_TABLE 0x70000  // where each site goes on (each stub has its own)
#define LOW_TABLE_SIZE 0x10000
#define MAX_SITES (LOW_TABLE_SIZE / 8)
#define TRAMPOLINE_SIZE 64
// The last of them are tails: what is executed after a call, on the way back to its site.
#define MAX_TAILS 512
#define FIRST_TAIL (MAX_SITES - MAX_TAILS)
#define STUB_TAILS (STUB_TRAMPOLINES + FIRST_TAIL * TRAMPOLINE_SIZE)

// ---- Descriptors in the template and in stubs.
#define FD_CONTROL 0
#define FD_MEMORY 1
#define FD_SOCKET 2        // template only: eventfds of new stubs arrive here
#define FD_ACK 3           // a stub's acknowledgements; nobody else in the stub's process can write to it
#define FD_TEMPLATE_ACK 4  // template only

// ---- Request ring: a header page, then entries.
#define RING_HEAD 0
#define RING_SPIN 4
#define RING_FAILURE 64
#define RING_ONE 72
#define RING_PROMPT 128  // struct sched_attr: the agent's, and thread starts'
#define RING_USUAL 192   // struct sched_attr: guest threads'
#define RING_ENTRIES 0x1000
#define RING_COUNT 256
#define ENTRY_SIZE 64
#define ENTRY_OP 0
#define ENTRY_NR 4
#define ENTRY_ARGS 8
#define ENTRY_EXPECT 56

#define OP_SYSCALL 0  // die unless the result is the expected one
#define OP_RESUME 1   // args[0]: slot
#define OP_FORK 2     // template: args[0] flags, args[1] file offset of the child's ring
#define OP_THREAD 3   // args[0] flags, args[1] slot
#define OP_TRY 5      // as OP_SYSCALL, whatever the result
#define OP_JUMP 4     // args[0] code address, args[1] ring address

// ---- A thread's slot: its context page, then its alternate signal stack.
#define SLOT_SIZE 0x10000
#define SLOT_TO_KERNEL 0x00
#define SLOT_KERNEL_SLEEPS 0x04
#define SLOT_TO_GUEST 0x40
#define SLOT_GUEST_SLEEPS 0x44
#define SLOT_SPIN 0x48
#define SLOT_KERNEL_CPU 0x4c
#define SLOT_GUEST_CPU 0x50
#define SLOT_SIGNO 0x54
#define SLOT_INTERRUPTED 0x58
#define SLOT_STEPPED 0x5c
#define SLOT_FS 0x80
#define SLOT_GS 0x88
#define SLOT_SELF 0x90
#define SLOT_SAVE_STACK 0x98
#define SLOT_ANSWERED 0xa0
#define SLOT_ANSWER_MASK 0xa8
#define SLOT_TID 0xb0
#define SLOT_FRAME 0xb8
#define SLOT_ALTSTACK 0xc0
#define SLOT_ANSWERS 0x100
// The patched path pushes from SLOT_SAVE_TOP down: flags rax rbx rdx rsi rdi rbp r8 r9 r10 r12 r13 r14
// r15 fs_base; below that a few words of stack.
#define SLOT_SAVE_TOP 0x300
#define SLOT_RSP 0x300
#define SLOT_RIP 0x308
#define SLOT_STACK 0x1000

#define TO_KERNEL_SIGNAL 1
#define TO_KERNEL_PATCHED 2
#define TO_KERNEL_DEAD 3
#define TO_GUEST_RESUME 1
#define TO_GUEST_RETRAP 2

// The signal that stops a running guest thread: one that no terminal or child sends.
#define INTERRUPT_SIGNAL 62
