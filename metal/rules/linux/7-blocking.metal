// Marks functions that may sleep, by direct calls. What an allocation does depends on its flags, also through wrappers.
sm may_sleep {
  decl any_fn_call fn;
  decl any_arguments args;
  decl any_scalar size, n, gfp;
  decl any_expr cache, x, l;
  decl any_scalar flags;
  data own;  // locks that it holds itself
  list blocking = file("blocking.txt");
  set wait_bit = 1024;  // __GFP_DIRECT_RECLAIM of 6.1
  pat allocation = { kmalloc(size, gfp) } | { kzalloc(size, gfp) } | { kmemdup(cache, size, gfp) } | { kstrdup(cache, gfp) }
    | { kmem_cache_alloc(cache, gfp) } | { kmem_cache_zalloc(cache, gfp) } | { kcalloc(n, size, gfp) } | { kmalloc_array(n, size, gfp) }
    | { kmalloc_node(size, gfp, n) } | { kzalloc_node(size, gfp, n) } | { krealloc(cache, size, gfp) } | { kasprintf(gfp, args) }
    | { __get_free_pages(gfp, n) } | { get_zeroed_page(gfp) } | { alloc_pages(gfp, n) } | { __alloc_pages(gfp, n, cache, x) } | { __kmalloc(size, gfp) } | { alloc_skb(size, gfp) } | { skb_clone(cache, gfp) }
    | { skb_copy(cache, gfp) } | { usb_alloc_urb(n, gfp) } | { usb_submit_urb(cache, gfp) } | { dma_alloc_coherent(cache, size, x, gfp) };
  pat take = { spin_lock(l) } | { spin_lock_irq(l) } | { spin_lock_bh(l) } | { spin_lock_irqsave(l, flags) } | { raw_spin_lock(l) } | { raw_spin_lock_irq(l) } | { raw_spin_lock_irqsave(l, flags) }
    | { read_lock(l) } | { read_lock_irq(l) } | { read_lock_bh(l) } | { read_lock_irqsave(l, flags) }
    | { write_lock(l) } | { write_lock_irq(l) } | { write_lock_bh(l) } | { write_lock_irqsave(l, flags) };
  pat release = { spin_unlock(l) } | { spin_unlock_irq(l) } | { spin_unlock_bh(l) } | { spin_unlock_irqrestore(l, flags) } | { raw_spin_unlock(l) } | { raw_spin_unlock_irq(l) } | { raw_spin_unlock_irqrestore(l, flags) }
    | { read_unlock(l) } | { read_unlock_irq(l) } | { read_unlock_bh(l) } | { read_unlock_irqrestore(l, flags) }
    | { write_unlock(l) } | { write_unlock_irq(l) } | { write_unlock_bh(l) } | { write_unlock_irqrestore(l, flags) };
  // A stream is locked by a mutex where its device may sleep: nothing that is known here.
  pat stream = { snd_pcm_stream_lock(l) } | { snd_pcm_stream_unlock(l) } | { snd_pcm_stream_lock_irq(l) } | { snd_pcm_stream_unlock_irq(l) }
    | { _snd_pcm_stream_lock_irqsave(l) } | { snd_pcm_stream_unlock_irqrestore(l, flags) } | { snd_pcm_stream_lock_nested(l) } | { snd_pcm_stream_group_ref(l) }
    | { snd_pcm_group_lock(l, x) } | { snd_pcm_group_unlock(l, x) } | { snd_pcm_group_lock_irq(l, x) } | { snd_pcm_group_unlock_irq(l, x) };
  // What comes after the caller's lock was dropped, or interrupts were turned on, is no concern of the caller's.
  // Three deep is deep enough: a loop that seems to take locks only would make every depth a case of its own.
  start: stream ==> start
    | take && ${ own < 3 } ==> { own += 1; }
    | take ==> start
    | release && ${ own > 0 } ==> { own -= 1; }
    | release ==> stop
    | { local_irq_enable() } ==> stop
    | allocation && ${ mc_is_const(gfp) && (mc_value(gfp) & wait_bit) != 0 } ==> { mc_annotate(mc_function(), "sleeps"); }
    | allocation ==> start  // what they do below depends on the flags
    | { fn(args) } && ${ !mc_in_function("panic") && (mc_in(fn, blocking) || (!mc_is_indirect(fn) && mc_annotated(fn, "sleeps"))) } ==> { mc_annotate(mc_function(), "sleeps"); };  // who panics does not come back to be awaited
}

rule "linux.blocking" {
  severity: error;
  text: "Nothing that may sleep is called with interrupts off or a spin lock held.";
  category: "CWE-833";
  example: "spin_lock(&l); p = kmalloc(n, GFP_KERNEL);";
  fix: "Use GFP_ATOMIC, or allocate before taking the lock.";
  false_positives: "A lock whose release stands in a function that is not among the files checked; function pointers that never lead to the sleeper at this place (only warned of).";
}
sm blocking {
  // Reports that take a longer way were all false where they were read: docs/metal-kernels.md.
  set longest_path = 24;
  set returned_doubtful = 1;
  decl any_fn_call fn;
  decl any_arguments args;
  decl any_scalar size, n, gfp;
  decl any_expr l, cache, x;
  decl any_scalar flags;
  data locks;
  list blocking = file("blocking.txt");
  list neutral = file("neutral.txt");
  set wait_bit = 1024;  // __GFP_DIRECT_RECLAIM of 6.1
  pat take = { spin_lock(l) } | { spin_lock_irq(l) } | { spin_lock_bh(l) } | { spin_lock_irqsave(l, flags) } | { raw_spin_lock(l) } | { raw_spin_lock_irq(l) } | { raw_spin_lock_irqsave(l, flags) }
    | { read_lock(l) } | { read_lock_irq(l) } | { read_lock_bh(l) } | { read_lock_irqsave(l, flags) }
    | { write_lock(l) } | { write_lock_irq(l) } | { write_lock_bh(l) } | { write_lock_irqsave(l, flags) };
  pat release = { spin_unlock(l) } | { spin_unlock_irq(l) } | { spin_unlock_bh(l) } | { spin_unlock_irqrestore(l, flags) } | { raw_spin_unlock(l) } | { raw_spin_unlock_irq(l) } | { raw_spin_unlock_irqrestore(l, flags) }
    | { read_unlock(l) } | { read_unlock_irq(l) } | { read_unlock_bh(l) } | { read_unlock_irqrestore(l, flags) }
    | { write_unlock(l) } | { write_unlock_irq(l) } | { write_unlock_bh(l) } | { write_unlock_irqrestore(l, flags) };
  // Flags saved by hand, the lock taken plainly, and both given back at once.
  pat saves = { spin_lock_irqsave(l, flags) } | { raw_spin_lock_irqsave(l, flags) } | { read_lock_irqsave(l, flags) } | { write_lock_irqsave(l, flags) };
  pat restores = { spin_unlock_irqrestore(l, flags) } | { raw_spin_unlock_irqrestore(l, flags) } | { read_unlock_irqrestore(l, flags) }
    | { write_unlock_irqrestore(l, flags) };
  pat unlocks = { spin_unlock_irq(l) } | { raw_spin_unlock_irq(l) } | { read_unlock_irq(l) } | { write_unlock_irq(l) };
  pat disable = { local_irq_disable() } | { local_irq_save(flags) };
  pat enable = { local_irq_enable() } | { local_irq_restore(flags) };
  pat allocation = { kmalloc(size, gfp) } | { kzalloc(size, gfp) } | { kmemdup(cache, size, gfp) } | { kstrdup(cache, gfp) }
    | { kmem_cache_alloc(cache, gfp) } | { kmem_cache_zalloc(cache, gfp) } | { kcalloc(n, size, gfp) } | { kmalloc_array(n, size, gfp) }
    | { kmalloc_node(size, gfp, n) } | { kzalloc_node(size, gfp, n) } | { krealloc(cache, size, gfp) } | { kasprintf(gfp, args) }
    | { __get_free_pages(gfp, n) } | { get_zeroed_page(gfp) } | { alloc_pages(gfp, n) } | { __alloc_pages(gfp, n, cache, x) } | { __kmalloc(size, gfp) } | { alloc_skb(size, gfp) } | { skb_clone(cache, gfp) }
    | { skb_copy(cache, gfp) } | { usb_alloc_urb(n, gfp) } | { usb_submit_urb(cache, gfp) } | { dma_alloc_coherent(cache, size, x, gfp) };
  pat sleeps = { fn(args) } && ${ !mc_in_function("panic") && (mc_in(fn, blocking) || (!mc_is_indirect(fn) && mc_annotated(fn, "sleeps"))) };
  // What a pointer may lead to by its type or field need not be what it leads to here.
  pat perhaps = { fn(args) } && ${ mc_is_indirect(fn) && mc_annotated(fn, "sleeps") };
  pat allocates = allocation && ${ mc_is_const(gfp) && (mc_value(gfp) & wait_bit) != 0 };

  // A stream is locked by a mutex where its device may sleep: nothing that is known here.
  pat stream = { snd_pcm_stream_lock(l) } | { snd_pcm_stream_unlock(l) } | { snd_pcm_stream_lock_irq(l) } | { snd_pcm_stream_unlock_irq(l) }
    | { _snd_pcm_stream_lock_irqsave(l) } | { snd_pcm_stream_unlock_irqrestore(l, flags) } | { snd_pcm_stream_lock_nested(l) } | { snd_pcm_stream_group_ref(l) }
    | { snd_pcm_group_lock(l, x) } | { snd_pcm_group_unlock(l, x) } | { snd_pcm_group_lock_irq(l, x) } | { snd_pcm_group_unlock_irq(l, x) };
  free: stream ==> free
    | take ==> locked, { locks = 1; }
    | disable ==> off
    | { fn(args) } && ${ mc_in(fn, neutral) || mc_in(fn, blocking) } ==> free;
  locked: stream ==> locked
    | take && ${ locks < 3 } ==> { locks += 1; }
    | take ==> locked
    | release && ${ locks <= 1 } ==> free, { locks = 0; }
    | release ==> { locks -= 1; }
    | allocates ==> { err("this allocation may sleep, and a spin lock is held"); }
    | allocation ==> locked
    | sleeps ==> { err("%s may sleep, and a spin lock is held", mc_identifier(fn)); }
    | perhaps ==> { warn("a function that %s may lead to may sleep, and a spin lock is held", mc_identifier(fn)); }
    | { fn(args) } && ${ mc_in(fn, neutral) } ==> locked;
  off: enable ==> free, { locks = 0; }
    | saves && ${ locks < 3 } ==> { locks += 1; }
    | restores && ${ locks > 0 } ==> { locks -= 1; }
    | restores ==> free
    | unlocks ==> free, { locks = 0; }
    | allocates ==> { err("this allocation may sleep, and interrupts are off"); }
    | allocation ==> off
    | sleeps ==> { err("%s may sleep, and interrupts are off", mc_identifier(fn)); }
    | perhaps ==> { warn("a function that %s may lead to may sleep, and interrupts are off", mc_identifier(fn)); }
    | { fn(args) } && ${ mc_in(fn, neutral) } ==> off;
}
