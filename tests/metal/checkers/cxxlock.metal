rule "cxxlock" { text: "A mutex is released on every path."; }
sm cxxlock {
  { struct Mutex { void lock(); void unlock(); bool try_lock(); }; }
  state decl { Mutex } m;
  start: { m.lock() } ==> m.locked
       | { m.try_lock() } ==> true = m.locked, false = m.stop;
  m.locked: { m.unlock() } ==> m.stop
          | { m.lock() } ==> m.stop, { err("double lock of %s", mc_identifier(m)); }
          | $end_of_path$ ==> m.stop, { err("%s is not unlocked", mc_identifier(m)); };
}
