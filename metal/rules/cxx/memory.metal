rule "cxx.mismatch" {
  severity: error;
  text: "What new makes, delete frees; what new[] makes, delete[] frees; what malloc makes, free frees.";
  category: "CWE-762";
  example: "int* p = new int[4]; delete p;";
  fix: "delete[] p;, or better std::vector.";
  false_positives: "Class-specific operator new that is malloc underneath.";
}
sm mismatch {
  state decl any_pointer v;
  decl any_scalar n;
  decl any_arguments args;
  start: { v = malloc(n) } ==> v.by_malloc | { v = calloc(args) } ==> v.by_malloc
    | { v = new int[n] } ==> v.by_array_new
    | { v = new int } ==> v.by_new;
  v.by_malloc: { free(v) } ==> v.stop
    | { delete v } ==> v.stop, { err("%s comes from malloc and is freed by delete", mc_identifier(v)); }
    | { delete[] v } ==> v.stop, { err("%s comes from malloc and is freed by delete[]", mc_identifier(v)); };
  v.by_new: { delete v } ==> v.stop
    | { delete[] v } ==> v.stop, { err("%s comes from new and is freed by delete[]", mc_identifier(v)); }
    | { free(v) } ==> v.stop, { err("%s comes from new and is freed by free", mc_identifier(v)); };
  v.by_array_new: { delete[] v } ==> v.stop
    | { delete v } ==> v.stop, { err("%s comes from new[] and is freed by delete", mc_identifier(v)); }
    | { free(v) } ==> v.stop, { err("%s comes from new[] and is freed by free", mc_identifier(v)); };
}

rule "cxx.delete" {
  severity: error;
  text: "An object is not used after delete, nor deleted twice.";
  category: "CWE-416";
  example: "delete p; return p->n;";
  fix: "std::unique_ptr.";
  false_positives: "Placement schemes that overload operator delete.";
}
sm deleted {
  state decl any_pointer v;
  start: { delete v } ==> v.freed | { delete[] v } ==> v.freed;
  v.freed: { delete v } ==> v.stop, { err("%s is deleted twice", mc_identifier(v)); }
    | { delete[] v } ==> v.stop, { err("%s is deleted twice", mc_identifier(v)); }
    | { *v } ==> v.stop, { err("%s is used after delete", mc_identifier(v)); };
}
