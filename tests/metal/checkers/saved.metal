rule "saved" {
  severity: error;
  text: "What is saved in a variable is restored before it is saved there again.";
}
sm saved {
  state decl any_scalar f;
  start: { save(f) } ==> f.saved;
  f.saved: { restore(f) } ==> f.stop
    | { save(f) } ==> { err("%s is saved again", mc_identifier(f)); }
    | $end_of_path$ ==> { err("%s is not restored", mc_identifier(f)); };
}
