sm signal_unsafe {
  decl any_fn_call fn;
  decl any_arguments args;
  list unsafe = file("signal_unsafe.txt");
  start: { fn(args) } && ${ mc_in(fn, unsafe) || mc_annotated(fn, "signal-unsafe") } ==> { mc_annotate(mc_function(), "signal-unsafe"); };
}

rule "posix.signal-handler" {
  severity: warning;
  text: "A signal handler calls only functions that are safe in one.";
  category: "CWE-479";
  example: "static void on_int(int s) { printf(\"stop\\n\"); } ... signal(SIGINT, on_int);";
  fix: "Set a volatile sig_atomic_t flag and look at it in the main loop.";
  false_positives: "Handlers of signals that are blocked except at safe points.";
}
sm signal_handler {
  decl any_expr number, handler;
  start: { signal(number, handler) } && ${ mc_annotated(handler, "signal-unsafe") } ==>
      { err("the handler %s calls %s, which is not safe in a signal handler", mc_name(handler), mc_why(handler, "signal-unsafe")); };
}
