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
1:      mov $3, %eax
        mov $-1, %edi
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
        .section .note.GNU-stack, "", @progbits
