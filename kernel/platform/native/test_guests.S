// Small guest programs for the tests: position-independent code, copied into guest memory.
#define GUEST(name) .balign 64; .globl guest_##name; guest_##name:
#define END(name) .globl guest_##name##_end; guest_##name##_end:
        .section .rodata.guests, "a", @progbits

// Calls 1000 with known arguments, then 1001 with rdi = what 1000 returned.
GUEST(two_calls)
        mov $1000, %eax
        mov $1, %edi
        mov $2, %esi
        mov $3, %edx
        mov $4, %r10d
        mov $5, %r8d
        mov $6, %r9d
        syscall
        mov %rax, %rdi
        mov $1001, %eax
        syscall
        ud2
END(two_calls)

// Reads the word at rdi, adds one, stores it at rsi, calls 1000 with it.
GUEST(touch)
        mov (%rdi), %rax
        inc %rax
        mov %rax, (%rsi)
        mov %rax, %rdi
        mov $1000, %eax
        syscall
        ud2
END(touch)

// close(-1) without end.
GUEST(null_calls)
1:      mov $-1, %edi
        mov $3, %eax
        syscall
        jmp 1b
END(null_calls)

GUEST(spin)
1:      pause
        jmp 1b
END(spin)

// Stores 1, 2, 3, ... at rdi.
GUEST(store_loop)
        xor %eax, %eax
1:      inc %rax
        mov %rax, (%rdi)
        jmp 1b
END(store_loop)

// Fills registers (r8..r15, rbx, rbp, ymm0, ymm15 from rdi) and traps; then compares all with memory and
// calls 1001 with rdi = 0 if all is as it was.
GUEST(keep_state)
        vmovdqu (%rdi), %ymm0
        vmovdqu 32(%rdi), %ymm15
        mov $0x11, %rbx
        mov $0x22, %rbp
        mov $0x33, %r12
        mov $0x44, %r13
        mov $0x55, %r14
        mov $0x66, %r15
        mov %rdi, %r8
        mov %rsp, %r9
        stc
        std
        mov $1000, %eax
        syscall
        pushfq
        cld
        pop %rax
        and $0x401, %eax
        xor $0x401, %eax
        mov %rax, %rdi
        vpxor (%r8), %ymm0, %ymm0
        vpxor 32(%r8), %ymm15, %ymm15
        vpor %ymm0, %ymm15, %ymm0
        vptest %ymm0, %ymm0
        setnz %al
        movzbl %al, %eax
        or %rax, %rdi
        sub $0x11, %rbx
        or %rbx, %rdi
        sub $0x22, %rbp
        or %rbp, %rdi
        sub $0x33, %r12
        or %r12, %rdi
        sub $0x44, %r13
        or %r13, %rdi
        sub $0x55, %r14
        or %r14, %rdi
        sub $0x66, %r15
        or %r15, %rdi
        sub %rsp, %r9
        or %r9, %rdi
        mov $1001, %eax
        syscall
        ud2
END(keep_state)

// Uses its fs and gs bases: calls 1000 with what lies at fs:0, and 1001 with gs:0 after wrgsbase(rdi).
GUEST(bases)
        mov %fs:0, %rsi
        mov %rdi, %rbx
        push %rsi
        pop %rdi
        mov $1000, %eax
        syscall
        wrgsbase %rbx
        mov $1001, %eax
        syscall
        mov %gs:0, %rdi
        mov $1002, %eax
        syscall
        ud2
END(bases)

// Reads a byte of each page in [rdi, rsi), then calls 1000 with the sum.
GUEST(read_pages)
        xor %ebx, %ebx
1:      movzbl (%rdi), %eax
        add %rax, %rbx
        add $4096, %rdi
        cmp %rsi, %rdi
        jb 1b
        mov %rbx, %rdi
        mov $1000, %eax
        syscall
        ud2
END(read_pages)

// Every route into a kernel but SYSCALL, with getpid's number; calls 1000 in between.
GUEST(int80)
        mov $20, %eax
        int $0x80
        ud2
END(int80)
GUEST(x32)
        mov $0x40000027, %eax
        syscall
        ud2
END(x32)
GUEST(vsyscall)
        mov $0xffffffffff600400, %rax
        xor %edi, %edi
        call *%rax
        ud2
END(vsyscall)
GUEST(sysenter)
        mov $20, %eax
        mov %esp, %ebp
        sysenter
        ud2
END(sysenter)
// Jumps to rdi with rax = rsi: the stub's own instructions.
GUEST(jump)
        mov %rsi, %rax
        mov %rdx, %rsi
        mov %rdi, %r11
        mov %rcx, %rdi
        jmp *%r11
END(jump)
// munmap and mprotect of the stub's pages are only requests to our kernel; a store is a fault.
GUEST(store)
        mov %rsi, (%rdi)
        mov $1000, %eax
        syscall
        ud2
END(store)
// Goes through the stub's sigreturn with a frame of its own (at rsp).
GUEST(sigreturn)
        mov $15, %eax
        jmp *%rdi
END(sigreturn)
// Sets flags rdi, then a null call and a fault, for ever.
GUEST(odd_flags)
        pushfq
        or %rdi, (%rsp)
        popfq
        mov $1000, %eax
        syscall
        mov $1001, %eax
        syscall
        ud2
END(odd_flags)

// getpid (39) rdi times through one site, its last answer to call 1000.
GUEST(getpids)
        mov %rdi, %rbx
1:      mov $39, %eax
        syscall
        dec %rbx
        jnz 1b
        mov %rax, %rdi
        mov $1000, %eax
        syscall
        ud2
END(getpids)

// As glibc's syscall(): the number in eax, the sixth argument from the stack.
GUEST(libc_syscall)
        mov %rdi, 8(%rsp)
        mov $1000, %eax
        nop
        mov 8(%rsp), %r9
        syscall
        ud2
END(libc_syscall)

// Red zone, flags and all registers across a patched call; calls 1001 with 0 if nothing changed.
GUEST(red_zone)
        mov $0x123456789, %rbx
        mov %rbx, -8(%rsp)
        mov %rbx, -128(%rsp)
        mov $1000, %eax
        syscall
        xor %edi, %edi
        cmp %rbx, -8(%rsp)
        setne %dil
        cmp %rbx, -128(%rsp)
        setne %al
        movzbl %al, %eax
        or %rax, %rdi
        mov $1001, %eax
        syscall
        ud2
END(red_zone)

// Jumps straight to a SYSCALL that was patched over: call 1000 with rdi = 7, returning.
GUEST(into_site)
        mov $7, %edi
        mov $1000, %eax
        jmp 2f
        mov $1002, %eax
2:      syscall
        mov %rax, %rdi
        mov $1001, %eax
        syscall
        ud2
END(into_site)

// Sets rdi's bits in the flags, calls 1000, and calls 1001 with the flags afterwards.
GUEST(flags)
        mov %rdi, %rbx
        pushfq
        or %rbx, (%rsp)
        popfq
        mov $1000, %eax
        syscall
        pushfq
        andq $~0x100, (%rsp)
        pop %rdi
        push %rdi
        andq $~0x40000, (%rsp)
        popfq
        mov $1001, %eax
        syscall
        ud2
END(flags)

// Turns to 32-bit code by a far return and calls getpid there by both routes.
GUEST(far32)
        lea 1f(%rip), %rax
        pushq $0x23
        push %rax
        lretq
        .code32
1:      mov $20, %eax
        int $0x80
        mov $20, %eax
        syscall
        ud2
        .code64
END(far32)

// Scribbles over [rdi, rsi) for ever, with numbers that change; every 4th word is left alone at times.
GUEST(scribble)
        mov $0x9e3779b97f4a7c15, %rbx
        mov %rbx, %rax
1:      mov %rdi, %rcx
2:      imul %rbx, %rax
        rol $17, %rax
        mov %rax, %rdx
        and $7, %edx
        lea (%rcx, %rdx, 8), %rcx
        cmp %rsi, %rcx
        jae 1b
        mov %rax, %rdx
        shr $61, %rdx
        jnz 3f
        mov %rax, (%rcx)
        jmp 2b
3:      mov %eax, %edx
        and $3, %edx
        mov %edx, (%rcx)
        jmp 2b
END(scribble)

// Fills its slot, but for what a thread needs to trap, with ~rdi; then calls 1000.
GUEST(mark_slot)
        rdgsbase %rbx
        not %rdi
        lea 0x400(%rbx), %rcx
1:      mov %rdi, (%rcx)
        add $8, %rcx
        lea 0x8000(%rbx), %rdx
        cmp %rdx, %rcx
        jb 1b
        vmovq %rdi, %xmm3
        mov $1000, %eax
        syscall
        ud2
END(mark_slot)

// Calls 1001 with rdi = how many words of its slot, and of xmm3, are ~rdi.
GUEST(scan_slot)
        not %rdi
        vmovq %xmm3, %rdx
        xor %esi, %esi
        cmp %rdi, %rdx
        jne 1f
        inc %rsi
1:      rdgsbase %rcx
        lea 0x10000(%rcx), %rbx
2:      cmp %rdi, (%rcx)
        jne 3f
        inc %rsi
3:      add $8, %rcx
        cmp %rbx, %rcx
        jb 2b
        mov %rsi, %rdi
        mov $1001, %eax
        syscall
        ud2
END(scan_slot)

// Says that it has trapped, with a system call, and runs on.
GUEST(pretend)
        rdgsbase %rbx
        movl $31, 0x54(%rbx)
        movl $1, (%rbx)
1:      pause
        jmp 1b
END(pretend)

// Calls 1000 with rdi = its slot, rsi = where its signal frame is.
GUEST(where_parked)
        rdgsbase %rdi
        mov 0xb8(%rdi), %rsi
        mov $1000, %eax
        syscall
        ud2
END(where_parked)

// Says that it has trapped, and goes through the stub's sigreturn (at r12) with a frame of its own.
GUEST(pretend_and_return)
        rdgsbase %rbx
        movl $31, 0x54(%rbx)
        movl $1, (%rbx)
        mov $15, %eax
        jmp *%r12
END(pretend_and_return)

// read() as the C library has it, rdi times or until it fails; then 1001 with rdi = its result.
GUEST(reads)
        mov %rdi, %rbx
1:      xor %eax, %eax
        syscall
        cmp $-4096, %rax
        ja 3f
        dec %rbx
        jnz 1b
3:      mov %rax, %rdi
        mov $1001, %eax
        syscall
        ud2
END(reads)

// Jumps to the SYSCALL of such a site with another number, then behind it with rcx and the flags in use.
GUEST(into_read)
        mov $1000, %eax
        jmp 1f
        .balign 32, 0x90
        xor %eax, %eax
1:      syscall
2:      cmp $-4096, %rax
        ja 3f
        test %r13, %r13
        jnz 4f
        inc %r13
        mov $0x77, %ecx
        mov $-4000, %rax
        jmp 2b
3:      mov %rcx, %rdi
        mov %rax, %rsi
        mov $1001, %eax
        syscall
4:      ud2
END(into_read)

// The number, then another instruction that reads memory; once by a jump to that one.
GUEST(chain)
        mov $1003, %eax
        jmp 1f
        .balign 32, 0x90
2:      mov $1002, %eax
1:      mov 8(%rbx), %edi
        syscall
        test %r13, %r13
        jnz 3f
        inc %r13
        jmp 2b
3:      ud2
END(chain)
        .section .note.GNU-stack, "", @progbits
