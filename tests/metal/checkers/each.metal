rule "held-while-waiting" {
  severity: error;
  text: "Nothing is held while waiting.";
}
sm held_while_waiting {
  state decl any_pointer l;
  start: { take(l) } ==> l.held
    | { wait_for_it() } ==> { for_each(l in held) { err("%s is held while waiting", mc_identifier(l)); } };
  l.held: { give(l) } ==> l.stop;
}
