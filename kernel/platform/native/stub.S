// All code of Quire's own that runs in a stub. It is copied into the control file once and mapped at
// STUB_CODE in every stub, readable and executable.
//
// Whatever a stub can write, its guest can write too, at any time. So the agent (the thread that may
// make real system calls) keeps everything in registers and in pages it can only read, and has no
// stack. Guest threads do use their slot; a guest that garbles it garbles only itself.

#include "kernel/platform/native/layout.h"

#define NR_MMAP 9
#define NR_RT_SIGPROCMASK 14
#define NR_RT_SIGRETURN 15
#define NR_CLONE 56
#define NR_WRITE 1
#define NR_SIGALTSTACK 131
#define NR_FUTEX 202
#define NR_EXIT_GROUP 231
#define NR_SCHED_SETATTR 314
#define NR_PRCTL 157
#define NR_SECCOMP 317
#define NR_CLOSE_RANGE 436
#define PR_SET_SYSCALL_USER_DISPATCH 59
#define UC_RIP (40 + 16 * 8)
#define UC_EFLAGS (40 + 17 * 8)
#define SIGTRAP 5
#define TRAP_FLAG 0x100

        .section .rodata.quire_stub, "a", @progbits
        .balign 4096
        .globl quire_stub_begin
quire_stub_begin:

// ---------------------------------------------------------------- the agent
// r15: ring, r12d: requests done. Requests are system calls with the result they must have; anything
// else that happens means that the stub is not what the kernel thinks it is, so it dies.
        .globl quire_stub_agent
quire_stub_agent:
        mov     RING_SPIN(%r15), %ebp
1:      mov     RING_HEAD(%r15), %eax
        cmp     %r12d, %eax
        jne     agent_request
        sub     $1, %ebp
        js      2f
        pause
        jmp     1b
2:      mov     %r12d, %edx
        lea     RING_HEAD(%r15), %rdi
        xor     %esi, %esi
        xor     %r10d, %r10d
        mov     $NR_FUTEX, %eax
        syscall
        jmp     quire_stub_agent

agent_request:
        mov     %r12d, %r13d
        and     $(RING_COUNT - 1), %r13d
        shl     $6, %r13d
        lea     RING_ENTRIES(%r15, %r13), %r13
        inc     %r12d
        mov     ENTRY_OP(%r13), %ebx
        cmp     $OP_RESUME, %ebx
        je      agent_resume
        cmp     $OP_THREAD, %ebx
        je      agent_thread
        cmp     $OP_FORK, %ebx
        je      agent_fork
        cmp     $OP_JUMP, %ebx
        je      agent_jump
        mov     ENTRY_NR(%r13), %eax
        mov     ENTRY_ARGS(%r13), %rdi
        mov     ENTRY_ARGS+8(%r13), %rsi
        mov     ENTRY_ARGS+16(%r13), %rdx
        mov     ENTRY_ARGS+24(%r13), %r10
        mov     ENTRY_ARGS+32(%r13), %r8
        mov     ENTRY_ARGS+40(%r13), %r9
        syscall
        cmp     ENTRY_EXPECT(%r13), %rax
        je      quire_stub_agent
        cmp     $OP_TRY, %ebx
        je      quire_stub_agent
stub_die:
        mov     $NR_EXIT_GROUP, %eax
        mov     $1, %edi
        syscall
        ud2

// Lets a parked thread go on: the kernel has filled in its slot already.
agent_resume:
        mov     ENTRY_ARGS(%r13), %rdi
        mov     $TO_GUEST_RESUME, %eax
        xchg    %eax, SLOT_TO_GUEST(%rdi)
        cmpl    $0, SLOT_GUEST_SLEEPS(%rdi)
        je      quire_stub_agent
        add     $SLOT_TO_GUEST, %rdi
        mov     $1, %esi
        mov     $1, %edx
        mov     $NR_FUTEX, %eax
        syscall
        jmp     quire_stub_agent

agent_jump:
        mov     ENTRY_ARGS(%r13), %rax
        mov     ENTRY_ARGS+8(%r13), %r15
        jmp     *%rax

// A failed clone is no reason to die: the host has run out of threads. The acknowledgement says so.
agent_thread:
        mov     ENTRY_ARGS(%r13), %rdi
        mov     ENTRY_ARGS+8(%r13), %rsi
        lea     SLOT_TID(%rsi), %rdx
        xor     %r10d, %r10d
        xor     %r8d, %r8d
        mov     $NR_CLONE, %eax
        syscall
        test    %rax, %rax
        jz      thread_start
        jns     quire_stub_agent
        mov     $FD_ACK, %edi
agent_failure:
        lea     RING_FAILURE(%r15), %rsi
        mov     $8, %edx
        mov     $NR_WRITE, %eax
        syscall
        cmp     $8, %rax
        jne     stub_die
        jmp     quire_stub_agent

// In the template: a copy of itself, which turns to its own ring before it does anything else.
agent_fork:
        mov     ENTRY_ARGS+8(%r13), %r14
        mov     ENTRY_ARGS(%r13), %rdi
        xor     %esi, %esi
        mov     $STUB_TEMPLATE_PAGE, %rdx
        xor     %r10d, %r10d
        xor     %r8d, %r8d
        mov     $NR_CLONE, %eax
        syscall
        test    %rax, %rax
        jz      1f
        jns     quire_stub_agent
        mov     $FD_TEMPLATE_ACK, %edi
        jmp     agent_failure
1:      mov     %r15, %rdi
        mov     $STUB_RING_SIZE, %esi
        mov     $1, %edx                // PROT_READ
        mov     $0x11, %r10d            // MAP_SHARED | MAP_FIXED
        mov     $FD_CONTROL, %r8d
        mov     %r14, %r9
        mov     $NR_MMAP, %eax
        syscall
        cmp     %r15, %rax
        jne     stub_die
        xor     %r12d, %r12d
        jmp     quire_stub_agent

// ---------------------------------------------------------------- a new guest thread
// rsp: its slot. Still without a stack of its own: other guest threads may be running already.
thread_start:
        mov     %rsp, %rbx
        xor     %edi, %edi
        mov     $-1, %esi
        xor     %edx, %edx
        mov     $NR_CLOSE_RANGE, %eax
        syscall
        test    %rax, %rax
        jnz     stub_die
        lea     SLOT_ALTSTACK(%rbx), %rdi
        xor     %esi, %esi
        mov     $NR_SIGALTSTACK, %eax
        syscall
        test    %rax, %rax
        jnz     stub_die
        mov     $2, %edi                // SIG_SETMASK
        lea     zeros(%rip), %rsi
        xor     %edx, %edx
        mov     $8, %r10d
        mov     $NR_RT_SIGPROCMASK, %eax
        syscall
        test    %rax, %rax
        jnz     stub_die
        xor     %edi, %edi
        lea     RING_USUAL(%r15), %rsi
        xor     %edx, %edx
        mov     $NR_SCHED_SETATTR, %eax
        syscall                         // only a matter of speed: it may fail
        // Newer hosts let two calls (uretprobe, uprobe) past every filter. Dispatch comes before filters, and
        // traps all that is not called from here. Hosts too old for it (5.11) have no such calls.
        mov     $PR_SET_SYSCALL_USER_DISPATCH, %edi
        mov     $1, %esi                // PR_SYS_DISPATCH_ON
        mov     $STUB_CODE, %rdx
        mov     $STUB_CODE_SIZE, %r10d
        xor     %r8d, %r8d
        mov     $NR_PRCTL, %eax
        syscall
        mov     $1, %edi                // SECCOMP_SET_MODE_FILTER
        xor     %esi, %esi
        lea     quire_stub_filter(%rip), %rdx
        mov     $NR_SECCOMP, %eax
        syscall
        test    %rax, %rax
        jnz     stub_die
        wrgsbase %rbx
        mov     $-1, %rax
        syscall                         // traps: parked, like any other thread, with a whole frame
        ud2

// ---------------------------------------------------------------- signals in guest threads
// edi: signal, rdx: ucontext, rsp: frame at the top of the slot's stack. All signals are blocked.
        .globl quire_stub_handler
quire_stub_handler:
        mov     %rsp, %rbx
        and     $-SLOT_SIZE, %rbx
        cmp     $INTERRUPT_SIGNAL, %edi
        je      1f
        cmp     $SIGTRAP, %edi
        jne     4f
        // Inside a trampoline, on the way in or waiting, the thread is about to be (or is) the kernel's
        // anyway. An interrupt is then left as a note for the way out; a single step is left out, and
        // noted so that the flag is given back.
1:      mov     UC_RIP(%rdx), %rax
        mov     $STUB_TRAMPOLINES, %rcx
        sub     %rax, %rcx
        neg     %rcx
        cmp     $(STUB_TAILS - STUB_TRAMPOLINES), %rcx
        jb      2f
        lea     quire_stub_enter(%rip), %rcx
        cmp     %rcx, %rax
        jb      4f
        lea     quire_stub_leave(%rip), %rcx
        cmp     %rcx, %rax
        jae     4f
2:      cmp     $SIGTRAP, %edi
        je      3f
        movl    $1, SLOT_INTERRUPTED(%rbx)
        jmp     stub_sigreturn
3:      testl   $TRAP_FLAG, UC_EFLAGS(%rdx)
        jz      4f
        andl    $~TRAP_FLAG, UC_EFLAGS(%rdx)
        movl    $1, SLOT_STEPPED(%rbx)
        jmp     stub_sigreturn
4:      mov     %edi, SLOT_SIGNO(%rbx)
        mov     %rsp, SLOT_FRAME(%rbx)
        rdfsbase %rax
        mov     %rax, SLOT_FS(%rbx)
        rdgsbase %rax
        mov     %rax, SLOT_GS(%rbx)
        mov     $TO_KERNEL_SIGNAL, %r8d
        call    stub_park
        .globl quire_stub_handler_parked
quire_stub_handler_parked:
        mov     SLOT_FS(%rbx), %rax
        wrfsbase %rax
        mov     SLOT_GS(%rbx), %rax
        wrgsbase %rax
stub_sigreturn:
        add     $8, %rsp
        mov     $NR_RT_SIGRETURN, %eax
        syscall
        .globl quire_stub_sigreturn_ip
quire_stub_sigreturn_ip:
        ud2

// ---------------------------------------------------------------- patched system calls
// From a site's trampoline. rcx: where the site goes on, gs: the slot; rcx and r11 are free, as SYSCALL
// clobbers them; everything else, flags and red zone included, is the guest's.
        .globl quire_stub_enter
quire_stub_enter:
        mov     %rsp, %gs:SLOT_RSP
        mov     %rcx, %gs:SLOT_RIP
        mov     %gs:SLOT_SAVE_STACK, %rsp
        pushfq
        // Answered here?
        cmp     $512, %rax
        jae     1f
        lea     quire_stub_answer_index(%rip), %r11
        movzbl  (%r11, %rax), %ecx
        mov     %gs:SLOT_ANSWER_MASK, %r11
        bt      %rcx, %r11
        jnc     1f
        mov     %gs:SLOT_STEPPED, %r11d
        or      %gs:SLOT_INTERRUPTED, %r11d
        jnz     1f
        incq    %gs:SLOT_ANSWERED
        mov     %gs:SLOT_ANSWERS(, %rcx, 8), %rax
        mov     (%rsp), %r11
        popfq
        mov     %gs:SLOT_RIP, %rcx
        mov     %gs:SLOT_RSP, %rsp
        jmp     *%rcx
1:      push    %rax
        push    %rbx
        push    %rdx
        push    %rsi
        push    %rdi
        push    %rbp
        push    %r8
        push    %r9
        push    %r10
        push    %r12
        push    %r13
        push    %r14
        push    %r15
        rdfsbase %rax
        push    %rax
        mov     %gs:SLOT_SELF, %rbx
        mov     $TO_KERNEL_PATCHED, %r8d
        call    stub_park
        cmp     $TO_GUEST_RETRAP, %eax
        jne     quire_stub_leave
stub_retrap:
        mov     $-1, %rax
        syscall                         // the whole state is now in a signal frame
        .globl quire_stub_retrap_ip
quire_stub_retrap_ip:
        ud2

// Hands over to the kernel and waits for its answer. rbx: slot, r8d: what happened; eax: the answer.
stub_park:
        mov     $0x7b, %ecx             // the host keeps the CPU's number in this segment's limit
        lsl     %ecx, %ecx
        and     $0xfff, %ecx
        mov     %ecx, SLOT_GUEST_CPU(%rbx)
        xchg    %r8d, SLOT_TO_KERNEL(%rbx)
        cmpl    $0, SLOT_KERNEL_SLEEPS(%rbx)
        je      1f
        lea     SLOT_TO_KERNEL(%rbx), %rdi
        mov     $1, %esi
        mov     $1, %edx
        call    stub_futex
        mov     SLOT_GUEST_CPU(%rbx), %ecx
1:      cmp     SLOT_KERNEL_CPU(%rbx), %ecx
        mov     SLOT_SPIN(%rbx), %ecx
        je      3f
2:      mov     SLOT_TO_GUEST(%rbx), %eax
        test    %eax, %eax
        jnz     5f
        sub     $1, %ecx
        js      3f
        pause
        jmp     2b
3:      mov     $1, %eax
        xchg    %eax, SLOT_GUEST_SLEEPS(%rbx)
        mov     SLOT_TO_GUEST(%rbx), %eax
        test    %eax, %eax
        jnz     4f
        lea     SLOT_TO_GUEST(%rbx), %rdi
        xor     %esi, %esi
        xor     %edx, %edx
        xor     %r10d, %r10d
        call    stub_futex
        // From what the host kept, and the kernel can see: who waits in a stub that is wiped and used again
        // may have come here by a jump of its own.
        .globl quire_stub_park_woken
quire_stub_park_woken:
        lea     -SLOT_TO_GUEST(%rdi), %rbx
        jmp     3b
4:      movl    $0, SLOT_GUEST_SLEEPS(%rbx)
5:      movl    $0, SLOT_TO_GUEST(%rbx)
        ret

stub_futex:
        mov     $NR_FUTEX, %eax
        syscall
        .globl quire_stub_futex_ip
quire_stub_futex_ip:
        ret

        .globl quire_stub_leave
quire_stub_leave:
        cmpl    $0, SLOT_INTERRUPTED(%rbx)
        jne     stub_retrap
        add     $8, %rsp                // fs_base: a change of it comes through a signal frame
        pop     %r15
        pop     %r14
        pop     %r13
        pop     %r12
        pop     %r10
        pop     %r9
        pop     %r8
        pop     %rbp
        pop     %rdi
        pop     %rsi
        pop     %rdx
        pop     %rbx
        pop     %rax
        mov     (%rsp), %r11
        popfq
        mov     %gs:SLOT_RIP, %rcx
        mov     %gs:SLOT_RSP, %rsp
        jmp     *%rcx
        .globl quire_stub_leave_end
quire_stub_leave_end:

        .balign 8
zeros:  .quad   0
        // struct sock_fprog, and the program: filled in by the kernel's start-up.
        .globl quire_stub_filter
quire_stub_filter:
        .space  16
        .globl quire_stub_filter_program
quire_stub_filter_program:
        .space  8 * 32
        // Call number to place in SLOT_ANSWERS; 0: never answered here. Filled in likewise.
        .globl quire_stub_answer_index
quire_stub_answer_index:
        .space  512
        .globl quire_stub_end
quire_stub_end:

        .section .note.GNU-stack, "", @progbits
