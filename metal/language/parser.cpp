#include "metal/language/parser.h"

#include <fmt/format.h>

#include "metal/language/lexer.h"

namespace quire::metal::rule {
namespace {

std::string describe(const Token& t) {
  switch (t.kind) {
    case TokenKind::kEnd:
      return "the end of the file";
    case TokenKind::kString:
      return "a string";
    case TokenKind::kSpecial:
      return fmt::format("'${}$'", t.text);
    case TokenKind::kInteger:
      return fmt::format("'{}'", t.integer);
    default:
      return fmt::format("'{}'", t.text);
  }
}

class Parser {
 public:
  Parser(const RuleSource& source, Diagnostics& d) : source_(source), diag_(d), lex_(source, d) {}

  RuleFile run() {
    while (lex_.peek().kind != TokenKind::kEnd) {
      u32 before = lex_.peek().span.begin;
      top_level();
      if (lex_.peek().span.begin == before && lex_.peek().kind != TokenKind::kEnd) lex_.take();
    }
    close_bare();
    if (pending_meta_)
      diag_.error(pending_meta_->span, "no machine follows this rule", "write 'sm NAME { ... }' after it");
    return std::move(file_);
  }

 private:
  // ---- helpers ----

  bool accept(const char* p) {
    if (!lex_.peek().is(p)) return false;
    lex_.take();
    return true;
  }
  void complain(const std::string& wanted, std::string hint = {}) {
    diag_.error(lex_.peek().span, fmt::format("expected {}, found {}", wanted, describe(lex_.peek())),
                std::move(hint));
    failed_ = true;
  }
  bool expect(const char* p, std::string hint = {}) {
    if (accept(p)) return true;
    complain(fmt::format("'{}'", p), std::move(hint));
    return false;
  }
  std::string name(const char* what, Span* span = nullptr) {
    if (lex_.peek().kind != TokenKind::kName) {
      complain(what);
      return {};
    }
    Token t = lex_.take();
    if (span != nullptr) *span = t.span;
    return t.text;
  }
  /// After a mistake: on to the end of this statement.
  void recover() {
    failed_ = false;
    u32 depth = 0;
    while (lex_.peek().kind != TokenKind::kEnd) {
      const Token& t = lex_.peek();
      if (depth == 0 && t.is("}")) return;
      if (t.is("{") || t.is("${")) ++depth;
      if (t.is("}")) --depth;
      bool end = depth == 0 && t.is(";");
      lex_.take();
      if (end) return;
    }
  }
  struct Nest {
    explicit Nest(Parser& parser) : p(parser) { ++p.nesting_; }
    ~Nest() { --p.nesting_; }
    bool too_deep() {
      if (p.nesting_ <= kMaxNesting) return false;
      p.diag_.error(p.lex_.peek().span, "nested too deeply");
      p.failed_ = true;
      p.lex_.take();
      return true;
    }
    Parser& p;
  };

  // ---- file level ----

  void top_level() {
    const Token& t = lex_.peek();
    if (t.is("{")) {
      preamble();
    } else if (t.is_name("rule") && lex_.peek_second().kind == TokenKind::kString) {
      metadata();
    } else if (t.is_name("sm") && lex_.peek_second().kind == TokenKind::kName) {
      machine();
    } else if (t.kind == TokenKind::kName) {
      if (!bare_) {
        bare_.emplace();
        bare_->wrapped = false;
        bare_->span = t.span;
        bare_->name = stem();
        attach(*bare_);
      }
      item(*bare_);
    } else if (t.is(";")) {
      lex_.take();
    } else {
      complain("'sm', 'rule', a declaration or a state", "a rule file is a list of 'sm NAME { ... }'");
      recover();
      accept("}");
    }
  }

  std::string stem() const {
    std::string n = source_.name();
    n = n.substr(n.find_last_of('/') + 1);
    return n.substr(0, n.find('.'));
  }

  void preamble() {
    Fragment f;
    f.text = lex_.take_braces(&f.span);
    file_.preambles.push_back(std::move(f));
  }

  void attach(Machine& m) {
    if (pending_meta_) m.meta = *pending_meta_;
    pending_meta_.reset();
    if (m.meta.id.empty()) {
      m.meta.id = m.name;
      m.meta.span = m.span;
    }
  }

  void close_bare() {
    if (bare_) file_.machines.push_back(std::move(*bare_));
    bare_.reset();
  }

  std::string strings() {
    if (lex_.peek().kind != TokenKind::kString) {
      complain("a string");
      return {};
    }
    std::string text = lex_.take().text;
    while (lex_.peek().kind == TokenKind::kString) text += lex_.take().text;
    return text;
  }

  void metadata() {
    lex_.take();
    close_bare();
    if (pending_meta_)
      diag_.error(pending_meta_->span, "no machine follows this rule", "write 'sm NAME { ... }' after it");
    Metadata m;
    Token id = lex_.take();
    m.id = id.text;
    m.span = id.span;
    if (!expect("{", "a rule's properties stand in braces: rule \"id\" { text: \"...\"; }")) return recover();
    while (!lex_.peek().is("}") && lex_.peek().kind != TokenKind::kEnd) {
      Token key = lex_.take();
      if (key.kind != TokenKind::kName) {
        diag_.error(key.span, "expected a property name",
                    "severity, text, category, example, fix or false_positives");
        recover();
        continue;
      }
      expect(":");
      if (key.text == "severity") {
        Token v = lex_.peek();
        m.severity = v.kind == TokenKind::kString ? strings() : name("error, warning or note");
        if (m.severity != "error" && m.severity != "warning" && m.severity != "note")
          diag_.error(v.span, fmt::format("unknown severity '{}'", m.severity), "error, warning or note");
      } else if (key.text == "text") {
        m.text = strings();
      } else if (key.text == "category") {
        m.category = strings();
      } else if (key.text == "example") {
        m.example = strings();
      } else if (key.text == "fix") {
        m.fix = strings();
      } else if (key.text == "false_positives") {
        m.false_positives = strings();
      } else {
        diag_.error(key.span, fmt::format("unknown property '{}'", key.text),
                    "severity, text, category, example, fix or false_positives");
        failed_ = true;
      }
      if (!failed_) expect(";");
      if (failed_) recover();
    }
    expect("}");
    failed_ = false;
    pending_meta_ = std::move(m);
  }

  void machine() {
    lex_.take();
    close_bare();
    Machine m;
    m.name = name("the machine's name", &m.span);
    attach(m);
    if (!expect("{", "a machine's body stands in braces")) return recover();
    while (!lex_.peek().is("}") && lex_.peek().kind != TokenKind::kEnd) {
      u32 before = lex_.peek().span.begin;
      item(m);
      if (lex_.peek().span.begin == before && lex_.peek().kind != TokenKind::kEnd) lex_.take();
    }
    if (!expect("}", fmt::format("the machine '{}' is never closed", m.name))) failed_ = false;
    file_.machines.push_back(std::move(m));
  }

  // ---- inside a machine ----

  void item(Machine& m) {
    const Token& t = lex_.peek();
    Token second = lex_.peek_second();
    if (t.is(";")) {
      lex_.take();
    } else if (t.is("{")) {
      preamble();
    } else if (t.is_name("decl") && !second.is(":")) {
      lex_.take();
      holes(m, false);
    } else if (t.is_name("state") && second.is_name("decl")) {
      lex_.take();
      lex_.take();
      holes(m, true);
    } else if (t.is_name("pat") && second.kind == TokenKind::kName) {
      lex_.take();
      named_pattern(m);
    } else if (t.is_name("data") && second.kind == TokenKind::kName) {
      lex_.take();
      do m.data.push_back(name("a data field's name"));
      while (!failed_ && accept(","));
      finish_statement();
    } else if (t.is_name("list") && second.kind == TokenKind::kName) {
      lex_.take();
      name_list(m);
    } else if (t.is_name("set") && second.kind == TokenKind::kName) {
      lex_.take();
      setting(m);
    } else if (t.kind == TokenKind::kName) {
      clause(m);
    } else {
      complain("a declaration, a pattern or a state",
               "decl, state decl, pat, data, list, set, or 'STATE: PATTERN ==> ...'");
      recover();
    }
  }

  void finish_statement() {
    if (!failed_) expect(";");
    if (failed_) recover();
  }

  void holes(Machine& m, bool state) {
    Hole h;
    h.state_variable = state;
    Span type_span = lex_.peek().span;
    std::string type;
    if (lex_.peek().is("{")) {
      type = lex_.take_braces(&type_span);
    } else {
      type = name("a type in braces, or any_expr, any_scalar, any_pointer, any_arguments, any_fn_call");
      // Plain C types without braces are a common slip; say so instead of misreading them.
      if (!failed_ && !meta_type(type))
        diag_.error(type_span, fmt::format("unknown meta type '{}'", type),
                    fmt::format("a C or C++ type stands in braces: decl {{ {} }} name;", type));
    }
    if (failed_) return recover();
    std::size_t a = type.find_first_not_of(" \t\r\n");
    std::size_t b = type.find_last_not_of(" \t\r\n");
    type = a == std::string::npos ? "" : type.substr(a, b - a + 1);
    if (type.empty()) diag_.error(type_span, "this type is empty", "for example decl { unsigned } flags;");
    if (auto k = meta_type(type)) {
      h.kind = *k;
    } else {
      h.kind = HoleKind::kType;
      h.type = type;
    }
    do {
      h.name = name("a hole's name", &h.span);
      if (!failed_) m.holes.push_back(h);
    } while (!failed_ && accept(","));
    finish_statement();
  }

  static std::optional<HoleKind> meta_type(const std::string& s) {
    if (s == "any_expr" || s == "any expr") return HoleKind::kAnyExpr;
    if (s == "any_scalar" || s == "scalar" || s == "any scalar") return HoleKind::kAnyScalar;
    if (s == "any_pointer" || s == "any pointer") return HoleKind::kAnyPointer;
    if (s == "any_arguments" || s == "any arguments") return HoleKind::kAnyArguments;
    if (s == "any_fn_call" || s == "any fn call") return HoleKind::kAnyFnCall;
    return std::nullopt;
  }

  void named_pattern(Machine& m) {
    NamedPattern p;
    p.name = name("the pattern's name", &p.span);
    if (expect("=")) p.pattern = pattern();
    if (!failed_) m.patterns.push_back(std::move(p));
    finish_statement();
  }

  void name_list(Machine& m) {
    NameList l;
    l.name = name("the list's name", &l.span);
    if (expect("=")) {
      do {
        if (lex_.peek().is_name("file")) {
          lex_.take();
          expect("(");
          Span at = lex_.peek().span;
          std::string f = strings();
          if (!failed_) l.files.emplace_back(f, at);
          expect(")");
        } else if (lex_.peek().kind == TokenKind::kString) {
          l.words.push_back(lex_.take().text);
        } else {
          complain("a string or file(\"...\")");
        }
      } while (!failed_ && accept(","));
    }
    if (!failed_) m.lists.push_back(std::move(l));
    finish_statement();
  }

  void setting(Machine& m) {
    Setting s;
    s.name = name("the setting's name", &s.span);
    if (expect("=")) {
      bool negative = accept("-");
      if (lex_.peek().kind == TokenKind::kInteger)
        s.value = lex_.take().integer * (negative ? -1 : 1);
      else
        complain("an integer");
    }
    if (!failed_) m.settings.push_back(std::move(s));
    finish_statement();
  }

  StateName state_name(const char* what) {
    StateName s;
    s.state = name(what, &s.span);
    if (!failed_ && accept(".")) {
      s.variable = std::move(s.state);
      Span end;
      s.state = name("a state after '.'", &end);
      s.span.end = end.end;
    }
    return s;
  }

  void clause(Machine& m) {
    StateClause c;
    c.span = lex_.peek().span;
    do c.states.push_back(state_name("a state"));
    while (!failed_ && accept(","));
    if (!failed_ && !expect(":", "a state's transitions follow a colon: STATE: PATTERN ==> TARGET;"))
      return recover();
    if (!failed_) {
      do c.transitions.push_back(transition());
      while (!failed_ && accept("|"));
    }
    if (!failed_) {
      if (!lex_.peek().is(";")) complain("'|' or ';' after a transition");
      m.clauses.push_back(std::move(c));
    }
    finish_statement();
  }

  Transition transition() {
    Transition t;
    t.span = lex_.peek().span;
    t.pattern = pattern();
    if (failed_ || !expect("==>", "a transition is PATTERN ==> TARGET")) return t;
    do {
      const Token& k = lex_.peek();
      if (k.is("{")) {
        t.action = block();
        break;
      }
      if ((k.is_name("true") || k.is_name("false")) && lex_.peek_second().is("=")) {
        bool yes = lex_.take().text == "true";
        lex_.take();
        t.target.path_specific = true;
        (yes ? t.target.if_true : t.target.if_false).push_back(state_name("a state"));
      } else {
        t.target.always.push_back(
            state_name("a state, 'true = STATE', 'false = STATE' or an action in braces"));
      }
    } while (!failed_ && accept(","));
    return t;
  }

  // ---- patterns ----

  Pattern pattern() {
    Nest nest(*this);
    if (nest.too_deep()) return {};
    Pattern left = conjunction();
    while (!failed_ && (lex_.peek().is("|") || lex_.peek().is("||"))) {
      lex_.take();
      left = join(PatternKind::kOr, std::move(left), conjunction());
    }
    return left;
  }

  Pattern conjunction() {
    Pattern left = primary();
    while (!failed_ && accept("&&")) left = join(PatternKind::kAnd, std::move(left), primary());
    return left;
  }

  static Pattern join(PatternKind kind, Pattern a, Pattern b) {
    if (a.kind == kind) {
      a.span.end = b.span.end;
      a.parts.push_back(std::move(b));
      return a;
    }
    Pattern p;
    p.kind = kind;
    p.span = {a.span.begin, b.span.end};
    p.parts.push_back(std::move(a));
    p.parts.push_back(std::move(b));
    return p;
  }

  Pattern primary() {
    Nest nest(*this);
    if (nest.too_deep()) return {};
    Pattern p;
    const Token& t = lex_.peek();
    p.span = t.span;
    if (t.is("{")) {
      p.kind = PatternKind::kFragment;
      p.fragment.text = lex_.take_braces(&p.fragment.span);
      p.span.end = p.fragment.span.end + 1;
      if (p.fragment.text.find_first_not_of(" \t\r\n;") == std::string::npos)
        diag_.error(p.span, "this pattern is empty", "write a piece of C or C++: { kfree(p) }");
    } else if (t.is("${")) {
      lex_.take();
      p.kind = PatternKind::kCallout;
      p.callout = expression();
      p.span.end = lex_.peek().span.end;
      if (!failed_) expect("}", "a callout is an expression: ${ mc_is_call_to(fn, \"gets\") }");
    } else if (t.kind == TokenKind::kSpecial) {
      p.kind = PatternKind::kSpecial;
      if (t.text == "end_of_path") {
        p.special = SpecialPattern::kEndOfPath;
      } else if (t.text == "start_of_path") {
        p.special = SpecialPattern::kStartOfPath;
      } else if (t.text == "variable") {
        p.special = SpecialPattern::kVariable;
      } else {
        std::string near = nearest_name(t.text, {"end_of_path", "start_of_path", "variable"});
        diag_.error(t.span, fmt::format("unknown special pattern '${}$'", t.text),
                    near.empty() ? "$end_of_path$, $start_of_path$ or $variable$"
                                 : fmt::format("did you mean '${}$'?", near));
      }
      lex_.take();
    } else if (t.is("(")) {
      lex_.take();
      p = pattern();
      if (!failed_) expect(")");
    } else if (t.is("!")) {
      lex_.take();
      Pattern inner = primary();
      p.kind = PatternKind::kNot;
      p.span.end = inner.span.end;
      p.parts.push_back(std::move(inner));
    } else if (t.kind == TokenKind::kName) {
      p.kind = PatternKind::kName;
      p.name = lex_.take().text;
    } else {
      complain("a pattern",
               "a pattern is base language in braces, a name, a callout ${ ... } or $end_of_path$");
    }
    return p;
  }

  // ---- actions ----

  std::vector<Stmt> block() {
    std::vector<Stmt> list;
    Nest nest(*this);
    if (nest.too_deep() || !expect("{")) return list;
    while (!lex_.peek().is("}")) {
      if (failed_) {
        recover();  // stay inside this action: the rest of the machine is still worth reading
        continue;
      }
      if (lex_.peek().kind == TokenKind::kEnd) {
        complain("'}'", "this action is never closed");
        return list;
      }
      if (accept(";")) continue;
      list.push_back(statement());
    }
    if (lex_.peek().is("}")) {
      failed_ = false;
      lex_.take();
    }
    return list;
  }

  std::vector<Stmt> body() {
    if (lex_.peek().is("{")) return block();
    std::vector<Stmt> one;
    one.push_back(statement());
    return one;
  }

  Stmt statement() {
    Stmt s;
    Nest nest(*this);
    if (nest.too_deep()) return s;
    const Token& t = lex_.peek();
    s.span = t.span;
    if (t.is_name("if") && lex_.peek_second().is("(")) {
      lex_.take();
      lex_.take();
      s.kind = StmtKind::kIf;
      s.value = expression();
      if (!failed_) expect(")");
      if (!failed_) s.body = body();
      if (!failed_ && lex_.peek().is_name("else")) {
        lex_.take();
        s.orelse = body();
      }
      return s;
    }
    if (t.is_name("for_each") && lex_.peek_second().is("(")) {
      lex_.take();
      lex_.take();
      s.kind = StmtKind::kForEach;
      s.target.kind = ExprKind::kName;
      s.target.text = name("a variable", &s.target.span);
      if (!failed_) {
        if (lex_.peek().is_name("in"))
          lex_.take();
        else
          complain("'in'", "for_each(x in STATE) { ... }");
      }
      if (!failed_) s.state = name("a state");
      if (!failed_) expect(")");
      if (!failed_) s.body = body();
      return s;
    }
    if (t.is("{")) {
      s.kind = StmtKind::kBlock;
      s.body = block();
      return s;
    }
    s.value = expression();
    if (!failed_ && (lex_.peek().is("=") || lex_.peek().is("+=") || lex_.peek().is("-="))) {
      std::string op = lex_.take().text;
      s.kind = StmtKind::kAssign;
      s.target = std::move(s.value);
      s.value = expression();
      if (op != "=")
        s.value = binary(op == "+=" ? BinaryOp::kAdd : BinaryOp::kSubtract, s.target, std::move(s.value));
    } else if (!failed_ && (lex_.peek().is("++") || lex_.peek().is("--"))) {
      bool up = lex_.take().text == "++";
      s.kind = StmtKind::kAssign;
      s.target = s.value;
      Expr one;
      one.integer = 1;
      one.span = s.span;
      s.value = binary(up ? BinaryOp::kAdd : BinaryOp::kSubtract, s.target, std::move(one));
    }
    // The last statement before '}' may do without its semicolon, as in some published checkers.
    if (!failed_ && !lex_.peek().is("}")) expect(";");
    return s;
  }

  static Expr binary(BinaryOp op, Expr a, Expr b) {
    Expr e;
    e.kind = ExprKind::kBinary;
    e.op = op;
    e.span = {a.span.begin, b.span.end};
    e.args.push_back(std::move(a));
    e.args.push_back(std::move(b));
    return e;
  }

  struct Level {
    const char* text;
    BinaryOp op;
    int precedence;
  };
  static const Level* level(const Token& t) {
    static constexpr Level kLevels[] = {
        {"||", BinaryOp::kOr, 1},       {"&&", BinaryOp::kAnd, 2},          {"==", BinaryOp::kEqual, 3},
        {"!=", BinaryOp::kNotEqual, 3}, {"<", BinaryOp::kLess, 4},          {"<=", BinaryOp::kLessEqual, 4},
        {">", BinaryOp::kGreater, 4},   {">=", BinaryOp::kGreaterEqual, 4}, {"+", BinaryOp::kAdd, 6},
        {"-", BinaryOp::kSubtract, 6},  {"*", BinaryOp::kMultiply, 7},      {"&", BinaryOp::kBitAnd, 5}};
    for (const Level& l : kLevels)
      if (t.is(l.text)) return &l;
    return nullptr;
  }

  Expr expression(int least = 1) {
    Nest nest(*this);
    if (nest.too_deep()) return {};
    Expr left = unary();
    while (!failed_) {
      const Level* l = level(lex_.peek());
      if (l == nullptr || l->precedence < least) break;
      lex_.take();
      left = binary(l->op, std::move(left), expression(l->precedence + 1));
    }
    return left;
  }

  Expr unary() {
    Nest nest(*this);
    if (nest.too_deep()) return {};
    Expr e;
    e.span = lex_.peek().span;
    if (lex_.peek().is("!") || lex_.peek().is("-")) {
      e.kind = lex_.take().text == "!" ? ExprKind::kNot : ExprKind::kNegate;
      e.args.push_back(unary());
      e.span.end = e.args[0].span.end;
      return e;
    }
    if (accept("(")) {
      e = expression();
      if (!failed_) expect(")");
      return e;
    }
    Token t = lex_.peek();
    if (t.kind == TokenKind::kInteger) {
      lex_.take();
      e.integer = t.integer;
    } else if (t.kind == TokenKind::kString) {
      e.kind = ExprKind::kString;
      e.text = strings();
    } else if (t.kind == TokenKind::kName) {
      lex_.take();
      e.text = t.text;
      e.kind = ExprKind::kName;
      if (accept("(")) {
        e.kind = ExprKind::kCall;
        if (!lex_.peek().is(")")) {
          do e.args.push_back(expression());
          while (!failed_ && accept(","));
        }
        e.span.end = lex_.peek().span.end;
        if (!failed_) expect(")");
      } else if (accept(".")) {
        e.kind = ExprKind::kMember;
        e.member = name("a data field");
      }
    } else {
      complain("an expression");
    }
    return e;
  }

  const RuleSource& source_;
  Diagnostics& diag_;
  Lexer lex_;
  RuleFile file_;
  std::optional<Machine> bare_;
  std::optional<Metadata> pending_meta_;
  u32 nesting_ = 0;
  bool failed_ = false;
};

}  // namespace

RuleFile parse_rules(const RuleSource& source, Diagnostics& diagnostics) {
  return Parser(source, diagnostics).run();
}

}  // namespace quire::metal::rule
