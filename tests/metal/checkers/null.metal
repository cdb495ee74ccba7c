rule "null" {
  text: "What an allocator returns is tested before it is used.";
}
sm null {
  state decl any_pointer v;
  start: { v = malloc(args) } ==> true = v.stop, false = v.null;
  decl any_arguments args;
  v.null: { *v } ==> v.stop, { err("%s may be null here", mc_identifier(v)); };
}
