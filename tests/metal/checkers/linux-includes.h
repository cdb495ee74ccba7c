/* What the interrupt checker of 2001 needs to know of the kernel. */
void cli(void);
void sti(void);
void save_flags(unsigned long flags);
void restore_flags(unsigned long flags);
