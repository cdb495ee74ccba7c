rule "posix.unchecked" {
  severity: warning;
  text: "A call whose failure changes what the program may do next is looked at.";
  category: "CWE-252";
  example: "setuid(uid);";
  fix: "if (setuid(uid) != 0) exit(1);";
  false_positives: "Calls made on the way out, when nothing can be done about a failure.";
}
sm unchecked_call {
  decl any_fn_call fn;
  decl any_arguments args;
  list must = "setuid", "setgid", "seteuid", "setegid", "setresuid", "setresgid", "setgroups", "chdir", "chroot", "ftruncate", "pipe", "dup2";
  start: { fn(args) } && ${ mc_in(fn, must) && mc_discarded() } ==> { err("the result of %s is not looked at", mc_name(fn)); };
}

rule "posix.chroot" {
  severity: error;
  text: "After chroot the working directory is moved inside, before anything else is done with paths.";
  category: "CWE-243";
  example: "chroot(dir); open(\"etc/passwd\", O_RDONLY);";
  fix: "chdir(\"/\") right after chroot.";
  false_positives: "Programs that changed into the directory just before.";
}
sm chroot_jail {
  decl any_expr path;
  start: { chroot(path) } ==> true = start, false = outside | { chdir(path) } ==> moved;
  moved: { chroot(path) } ==> start;
  outside: { chdir(path) } ==> start
    | $end_of_path$ ==> { err("the working directory is still outside of the new root"); };
}
