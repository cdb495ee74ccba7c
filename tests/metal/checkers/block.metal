// Two machines: the first marks functions that may sleep, the second reads the marks.
sm sleepers {
  decl any_fn_call fn;
  decl any_arguments args;
  decl { int } size, gfp;
  list sleeping = "schedule", "wait";
  start: { fn(args) } && ${ mc_in(fn, sleeping) || mc_annotated(fn, "sleeps") } ==> { mc_annotate(mc_function(), "sleeps"); }
       | { alloc(size, gfp) } && ${ mc_is_const(gfp) && (mc_value(gfp) & 16) != 0 } ==> { mc_annotate(mc_function(), "sleeps"); };
}
rule "block" { text: "Nothing sleeps with interrupts off."; }
sm block {
  decl any_fn_call fn;
  decl any_arguments args;
  list sleeping = "schedule", "wait";
  on: { cli() } ==> off;
  off: { sti() } ==> on
     | { fn(args) } && ${ mc_in(fn, sleeping) || mc_annotated(fn, "sleeps") } ==> { err("%s may sleep with interrupts off", mc_identifier(fn)); };
}
