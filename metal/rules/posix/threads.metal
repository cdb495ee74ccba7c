rule "posix.mutex" {
  severity: error;
  text: "A mutex that is locked is unlocked on every path, once.";
  category: "CWE-667";
  example: "pthread_mutex_lock(&m); if (err) return err;";
  fix: "Unlock it on the error path.";
  false_positives: "Functions that are meant to return with the mutex held.";
}
sm mutex {
  state decl any_pointer m;
  pat take = { pthread_mutex_lock(m) } | { pthread_spin_lock(m) };
  pat release = { pthread_mutex_unlock(m) } | { pthread_spin_unlock(m) };
  start: { pthread_mutex_trylock(m) } ==> true = m.stop, false = m.locked
    | take ==> m.locked
    | release ==> m.released;
  m.locked: take ==> m.stop, { err("%s is locked twice", mc_identifier(m)); }
    | release ==> m.released
    | $end_of_path$ ==> m.stop, { err("%s is not unlocked on this path", mc_identifier(m)); };
  m.released: release ==> m.stop, { err("%s is unlocked twice", mc_identifier(m)); }
    | { pthread_mutex_trylock(m) } ==> true = m.released, false = m.locked
    | take ==> m.locked;
}
