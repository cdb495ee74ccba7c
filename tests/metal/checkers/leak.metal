rule "leak" {
  severity: warning;
  text: "Memory that a function obtains is freed, returned or stored on every path.";
}
sm leak {
  state decl any_pointer v;
  decl any_fn_call fn;
  decl any_arguments args;
  list readers = "strlen", "memset", "memcpy", "printf";

  start: { v = malloc(args) } ==> true = v.held, false = v.stop;
  v.held: { free(v) } ==> v.stop
        | { fn(args) } && ${ mc_has_arg(args, v) && !mc_in(fn, readers) } ==> v.stop
        | $end_of_path$ && ${ !mc_returned(v) } ==> v.stop, { err("%s is lost", mc_identifier(v)); };
}
