rule "linux.lock" {
  severity: error;
  text: "A spin lock or mutex that is taken is released on every path, once.";
  category: "CWE-667";
  example: "mutex_lock(&dev->lock); if (err) return err;";
  fix: "Release it on the error path, usually by a goto to the common exit.";
  false_positives: "Locks that are taken and released under one condition that is not kept in a variable; functions that are meant to return with the lock held and whose callers are not among the files checked, unless their name says so (lock, trylock, acquire, semaphore, begin, seq_start, pre; in mm, fs and parts of kernel a last word start or disable: these are not reported). The files that make the locks (kernel/locking) are not looked at.";
}
sm lock {
  state decl any_pointer l;
  decl any_scalar flags;
  decl any_expr x, y;
  decl any_pointer o;
  data others;  // locks of the same name that are taken meanwhile
  decl any_fn_call fn;
  decl any_arguments args;
  list neutral = file("neutral.txt");
  // The task that runs next releases the run queue's lock: finish_lock_switch in kernel/sched/core.c.
  pat handed_over = { context_switch(args) };
  pat try = { spin_trylock(l) } | { mutex_trylock(l) } | { spin_trylock_bh(l) } | { spin_trylock_irqsave(l, flags) }
    | { raw_spin_trylock(l) } | { atomic_dec_and_lock_irqsave(x, l, flags) } | { refcount_dec_and_lock_irqsave(x, l, y) } | { atomic_dec_and_lock(x, l) } | { refcount_dec_and_lock(x, l) } | { refcount_dec_and_mutex_lock(x, l) };
  pat take = { spin_lock(l) } | { spin_lock_irq(l) } | { spin_lock_bh(l) } | { spin_lock_irqsave(l, flags) }
    | { raw_spin_lock(l) } | { raw_spin_lock_irq(l) } | { raw_spin_lock_irqsave(l, flags) } | { mutex_lock(l) } | { mutex_lock_nested(l, x) }
    | { spin_lock_nested(l, x) } | { spin_lock_irqsave_nested(l, flags, x) } | { raw_spin_lock_nested(l, x) } | { raw_spin_lock_irqsave_nested(l, flags, x) }
    | { raw_spin_lock_bh(l) } | { mutex_lock_io(l) } | { mutex_lock_nest_lock(l, x) }
    | { snd_pcm_stream_lock(l) } | { snd_pcm_stream_lock_irq(l) } | { _snd_pcm_stream_lock_irqsave(l) };
  pat interruptible = { mutex_lock_interruptible(l) } | { mutex_lock_killable(l) } | { mutex_lock_interruptible_nested(l, x) };
  pat release = { spin_unlock(l) } | { spin_unlock_irq(l) } | { spin_unlock_bh(l) } | { spin_unlock_irqrestore(l, flags) }
    | { raw_spin_unlock(l) } | { raw_spin_unlock_irq(l) } | { raw_spin_unlock_irqrestore(l, flags) } | { raw_spin_unlock_bh(l) } | { mutex_unlock(l) }
    | { snd_pcm_stream_unlock(l) } | { snd_pcm_stream_unlock_irq(l) } | { snd_pcm_stream_unlock_irqrestore(l, flags) };
  // A stream is locked by a spin lock or a mutex, its own or its group's, as the device wants it: to the rule the stream is the lock.
  pat inside = { snd_pcm_group_lock(x, y) } | { snd_pcm_group_unlock(x, y) } | { snd_pcm_group_lock_irq(x, y) } | { snd_pcm_group_unlock_irq(x, y) }
    | { snd_pcm_stream_group_ref(x) } | { snd_pcm_stream_lock_nested(x) };
  // Any lock: of those that are called alike, one that is released and was not taken may be the one that is held, by another name.
  pat take_other = { spin_lock(o) } | { spin_lock_irq(o) } | { spin_lock_bh(o) } | { spin_lock_irqsave(o, flags) } | { raw_spin_lock(o) }
    | { raw_spin_lock_irq(o) } | { raw_spin_lock_irqsave(o, flags) } | { mutex_lock(o) } | { mutex_lock_nested(o, x) } | { spin_lock_nested(o, x) } | { raw_spin_lock_nested(o, x) };
  pat release_other = { spin_unlock(o) } | { spin_unlock_irq(o) } | { spin_unlock_bh(o) } | { spin_unlock_irqrestore(o, flags) }
    | { raw_spin_unlock(o) } | { raw_spin_unlock_irq(o) } | { raw_spin_unlock_irqrestore(o, flags) } | { mutex_unlock(o) };
  pat alike = ${ mc_key(mc_record(o), mc_name(o)) == mc_remembered() && !mc_is_parameter(o) };
  // Its name says that it leaves a lock held.
  pat lends = ${ mc_contains(mc_function(), "_lock", "wlock", "trylock", "acquire", "semaphore", "begin", "seq_start", "_pre_")
                 || (mc_contains(mc_function(), "lock_") && !mc_contains(mc_function(), "block_", "clock_"))
                 || (mc_contains(mc_key(mc_function(), ""), "_start / ", "_disable / ") && mc_in_file("mm/", "fs/", "kernel/trace/", "kernel/module/", "kernel/cgroup/")) };
  start: inside ==> start
    | { fn(args) } && ${ mc_in(fn, neutral) } ==> start
    | (try | interruptible | take | release) && ${ mc_in_file("kernel/locking/") } ==> start
    | try ==> true = l.locked, false = l.stop, { mc_remember(mc_key(mc_record(l), mc_name(l))); }
    | interruptible ==> true = l.stop, false = l.locked, { mc_remember(mc_key(mc_record(l), mc_name(l))); }
    | take ==> l.locked, { mc_remember(mc_key(mc_record(l), mc_name(l))); }
    | release ==> l.lent, { mc_remember(mc_key(mc_record(l), mc_name(l))); };
  // (Where there are no drivers, a name that ends so has another half, which releases: seq_file's start and stop, disable and enable.)
  // A lock that is nearly always handled rightly makes a wrong place more likely an error: reports are ranked by that.
  set expected_percent = 90;
  set min_examples = 0;
  set z_hundredths = -100000;
  // A lock that goes from function to function, or is known by names that are not seen to be one, is not kept the way this
  // rule sees it; nor is an error that takes so long a way: see docs/metal-kernels.md.
  set doubted_z_hundredths = -210;
  set longest_path = 24;
  l.locked: take ==> l.broken, { mc_counterexample(mc_key(mc_record(l), mc_name(l)), "%s is taken twice", mc_identifier(l)); }
    | release ==> l.released, { mc_example(mc_key(mc_record(l), mc_name(l))); }
    | handed_over ==> l.stop
    | take_other && alike ==> { l.others += 1; }
    | release_other && alike && ${ l.others > 0 } ==> { l.others -= 1; }
    | release_other && alike ==> l.stop
    | $end_of_path$ && !lends ==> l.stop, { mc_counterexample(mc_remembered(), "%s is not released on this path", mc_identifier(l)); };
  // What follows a double take follows from it.
  l.broken: take ==> l.broken | release ==> l.broken;
  l.released: release ==> l.broken, { mc_counterexample(mc_key(mc_record(l), mc_name(l)), "%s is released twice", mc_identifier(l)); }
    | try ==> true = l.locked, false = l.released
    | interruptible ==> true = l.released, false = l.locked
    | take ==> l.locked;
  // What was held by somebody else, given up and taken again is left as it was found.
  l.lent: release ==> l.broken, { mc_counterexample(mc_key(mc_record(l), mc_name(l)), "%s is released twice", mc_identifier(l)); }
    | $end_of_path$ ==> l.stop, { mc_counterexample(mc_remembered()); }
    | try ==> true = l.given, false = l.lent
    | interruptible ==> true = l.lent, false = l.given
    | take ==> l.given;
  l.given: release ==> l.lent
    | take ==> l.broken, { mc_counterexample(mc_key(mc_record(l), mc_name(l)), "%s is taken twice", mc_identifier(l)); };
}
