rule "posix.malloc-unchecked" {
  severity: error;
  text: "What malloc and its kin return is tested before it is used.";
  category: "CWE-476";
  example: "p = malloc(n); p[0] = 0;";
  fix: "if (p == NULL) return -1;";
  false_positives: "Programs that install a handler or a malloc that cannot fail.";
}
sm malloc_unchecked {
  state decl any_pointer v;
  decl any_fn_call fn;
  decl any_arguments args;
  list makers = "malloc", "calloc", "realloc", "strdup", "strndup", "fopen", "fdopen", "opendir", "aligned_alloc", "reallocarray";
  start: { v = fn(args) } && ${ mc_in(fn, makers) } ==> true = v.stop, false = v.null;
  // On this path it is null: what follows where a later test says otherwise cannot be.
  v.null: { v } ==> true = v.stop, false = v.null
    | { *v } && ${ !mc_known_nonnull(v) } ==> v.stop, { err("%s may be null: the result is not tested", mc_identifier(v)); };
}

rule "posix.free" {
  severity: error;
  text: "Memory is not used after it was freed, nor freed twice.";
  category: "CWE-416";
  example: "free(p); return p->n;";
  fix: "Read what is needed first, or set the pointer to NULL.";
  false_positives: "Containers that free only one of several owners' references.";
}
sm free_twice {
  state decl any_pointer v;
  start: { free(v) } ==> v.freed | { fclose(v) } ==> v.freed;
  v.freed: { free(v) } ==> v.stop, { err("%s is freed twice", mc_identifier(v)); }
    | { fclose(v) } ==> v.stop, { err("%s is closed twice", mc_identifier(v)); }
    | { *v } ==> v.stop, { err("%s is used after it was freed", mc_identifier(v)); };
}

rule "posix.leak" {
  severity: warning;
  text: "Memory that a function obtains is freed, handed on, returned or stored on every path.";
  category: "CWE-401";
  example: "p = malloc(n); if (!p) return -1; if (bad) return -2;";
  fix: "free(p) on the error path.";
  false_positives: "Programs that are about to exit and leave the rest to the system.";
}
sm leak {
  state decl any_pointer v;
  decl any_fn_call fn;
  decl any_arguments args;
  list makers = "malloc", "calloc", "strdup", "strndup";
  list readers = file("readers.txt");
  // What is put into an object at once is that object's.
  start: { v = fn(args) } && ${ mc_in(fn, makers) && mc_is_local_storage(v) } ==> true = v.held, false = v.stop;
  v.held: { free(v) } ==> v.stop
    | { fn(args) } && ${ mc_has_arg(args, v) && !mc_in(fn, readers) } ==> v.stop
    | $end_of_path$ && ${ !mc_in_function("main") } ==> v.stop, { err("%s is lost on this path", mc_identifier(v)); };
}
