rule "depth" {
  text: "A recursive lock is released as often as it is taken, and never more than three deep.";
}
sm depth {
  state decl any_pointer l;
  data depth;
  start: { rlock(l) } ==> l.held, { l.depth = 1; };
  l.held: { rlock(l) } && ${ l.depth >= 3 } ==> l.stop, { err("%s is taken more than three times", mc_identifier(l)); }
        | { rlock(l) } ==> { l.depth += 1; }
        | { runlock(l) } && ${ l.depth == 1 } ==> l.stop
        | { runlock(l) } ==> { l.depth -= 1; }
        | $end_of_path$ ==> l.stop, { err("%s is still held %d times", mc_identifier(l), l.depth); };
}
