rule "linux-2.4.user-pointer" {
  severity: error;
  text: "A pointer into user space is only used through the copy functions, never dereferenced.";
  category: "CWE-822";
  example: "copy_from_user(&k, arg, sizeof(k)); if (arg->count) ...";
  fix: "Use the copy: k.count.";
  false_positives: "Code whose caller in another file has switched with set_fs(KERNEL_DS) and hands on kernel pointers.";
}
sm user_pointer {
  state decl any_pointer u;
  decl any_expr x, y;

  pat treated_as_user = { copy_from_user(x, u, y) } | { copy_to_user(u, x, y) }
    | { __copy_from_user(x, u, y) } | { __copy_to_user(u, x, y) }
    | { get_user(x, u) } | { put_user(x, u) } | { __get_user(x, u) } | { __put_user(x, u) }
    | { strncpy_from_user(x, u, y) } | { clear_user(u, y) } | { strlen_user(u) } | { strnlen_user(u, y) };

  // From here on the copy functions take kernel pointers.
  start: { set_fs(x) } ==> stop
    | treated_as_user && ${ !mc_known_null(u) } ==> u.user;
  u.user: treated_as_user ==> u.user
    | { *u } ==> u.stop, { err("%s points to user space and is dereferenced", mc_identifier(u)); };
}
