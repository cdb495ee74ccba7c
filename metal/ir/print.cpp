#include <fmt/format.h>

#include <iterator>

#include "metal/ir/unit.h"

namespace quire::metal {

namespace {

constexpr std::size_t kLongest = 400;  // of the text of one expression: enough to recognise it
constexpr int kDeepest = 40;

const char* spelling(Op op) {
  static constexpr const char* names[] = {
      "",  "-", "!", "~",  "+",  "-",  "*",  "/",  "%",  "<<", ">>", "&",  "|",
      "^", "<", ">", "<=", ">=", "==", "!=", "&&", "||", "++", "--", "++", "--"};
  static_assert(std::size(names) == static_cast<std::size_t>(Op::Last) + 1);
  return names[static_cast<std::size_t>(op)];
}

/// Writes one tree as source-like text.
class Writer {
 public:
  explicit Writer(const Pool& pool) : pool_(pool) {}

  void expr(ExprId id, int depth = 0) {
    if (out_.size() > kLongest || depth > kDeepest) {
      out_ += "...";
      return;
    }
    if (id == kNoExpr) return;
    const Expr& e = pool_[id];
    const auto kids = pool_.kids(id);
    const auto kid = [&](std::size_t i) {
      if (i < kids.size()) expr(kids[i], depth + 1);
    };
    switch (e.kind) {
      case ExprKind::Int:
        if (e.name)
          out_ += e.name.text();
        else
          out_ += std::to_string(e.value);
        break;
      case ExprKind::String:
        quoted(e.name.text());
        break;
      case ExprKind::Float:
      case ExprKind::Var:
      case ExprKind::Function:
      case ExprKind::Hole:
        out_ += e.name.text();
        break;
      case ExprKind::Member:
        if (!kids.empty() && pool_[kids[0]].kind == ExprKind::Deref) {
          operand(pool_.kid(kids[0], 0), depth);
          out_ += "->";
        } else {
          if (!kids.empty()) operand(kids[0], depth);
          out_ += ".";
        }
        out_ += e.name.text();
        break;
      case ExprKind::Deref:
        prefix("*", kids, depth);
        break;
      case ExprKind::AddressOf:
        prefix("&", kids, depth);
        break;
      case ExprKind::Unary:
        prefix(spelling(e.op), kids, depth);
        break;
      case ExprKind::Index:
        if (!kids.empty()) operand(kids[0], depth);
        out_ += "[";
        kid(1);
        out_ += "]";
        break;
      case ExprKind::Binary:
        if (!kids.empty()) operand(kids[0], depth);
        out_ += fmt::format(" {} ", spelling(e.op));
        if (kids.size() > 1) operand(kids[1], depth);
        break;
      case ExprKind::Assign:
        kid(0);
        out_ += fmt::format(" {}= ", spelling(e.op));
        kid(1);
        break;
      case ExprKind::Increment:
        if (e.op == Op::PreInc || e.op == Op::PreDec) {
          prefix(spelling(e.op), kids, depth);
        } else {
          if (!kids.empty()) operand(kids[0], depth);
          out_ += spelling(e.op);
        }
        break;
      case ExprKind::Conditional:
        if (!kids.empty()) operand(kids[0], depth);
        out_ += " ? ";
        kid(1);
        out_ += " : ";
        kid(2);
        break;
      case ExprKind::Comma:
        list("(", kids, ")", depth);
        break;
      case ExprKind::Cast:
        out_ += fmt::format("({})", pool_.type(e.type).spelling.text());
        if (!kids.empty()) operand(kids[0], depth);
        break;
      case ExprKind::Call:
      case ExprKind::Construct:
        if (!kids.empty()) operand(kids[0], depth);
        list("(", kids.empty() ? kids : kids.subspan(1), ")", depth);
        break;
      case ExprKind::New:
        out_ += fmt::format("new {}{}", e.name.text(), (e.flags & kArray) != 0 ? "[]" : "");
        if (!kids.empty()) list(" ", kids, "", depth);
        break;
      case ExprKind::Delete:
        out_ += (e.flags & kArray) != 0 ? "delete[] " : "delete ";
        kid(0);
        break;
      case ExprKind::InitList:
        list("{", kids, "}", depth);
        break;
      case ExprKind::Designated:
        out_ += fmt::format(".{} = ", e.name.text());
        kid(0);
        break;
      case ExprKind::Lambda:
        list("[", kids, "]{...}", depth);
        break;
      case ExprKind::Throw:
        out_ += "throw";
        if (!kids.empty()) list(" ", kids, "", depth);
        break;
      case ExprKind::Asm:
        out_ += "asm";
        list("(", kids, ")", depth);
        break;
      case ExprKind::Macro: {
        out_ += e.name.text();
        const bool expanded = has_expansion(e);
        if ((e.flags & kFunctionLike) != 0) list("(", kids.subspan(expanded ? 1 : 0), ")", depth);
        break;
      }
      case ExprKind::Unknown:
        out_ += fmt::format("<{}>", e.name.text());
        if (!kids.empty()) list("(", kids, ")", depth);
        break;
    }
  }

  std::string take() {
    if (out_.size() > kLongest + 3) {
      out_.resize(kLongest);
      out_ += "...";
    }
    return std::move(out_);
  }

 private:
  void operand(ExprId id, int depth) {
    const ExprKind kind = id == kNoExpr ? ExprKind::Unknown : pool_[id].kind;
    const bool parens = kind == ExprKind::Binary || kind == ExprKind::Assign ||
                        kind == ExprKind::Conditional || kind == ExprKind::Cast || kind == ExprKind::Unary ||
                        kind == ExprKind::Deref || kind == ExprKind::AddressOf || kind == ExprKind::Increment;
    if (parens) out_ += "(";
    expr(id, depth + 1);
    if (parens) out_ += ")";
  }
  void prefix(const char* text, std::span<const ExprId> kids, int depth) {
    out_ += text;
    if (!kids.empty()) operand(kids[0], depth);
  }
  void list(const char* open, std::span<const ExprId> kids, const char* close, int depth) {
    out_ += open;
    for (std::size_t i = 0; i < kids.size(); ++i) {
      if (i != 0) out_ += ", ";
      expr(kids[i], depth + 1);
      if (out_.size() > kLongest) break;
    }
    out_ += close;
  }
  void quoted(std::string_view text) {
    out_ += '"';
    for (const char c : text.substr(0, 60)) {
      const auto byte = static_cast<unsigned char>(c);
      if (c == '"' || c == '\\')
        out_ += fmt::format("\\{}", c);
      else if (byte < 0x20 || byte >= 0x7f)
        out_ += fmt::format("\\x{:02x}", byte);
      else
        out_ += c;
    }
    out_ += text.size() > 60 ? "...\"" : "\"";
  }

  const Pool& pool_;
  std::string out_;
};

/// Writes the dump of a function.
class Dumper {
 public:
  explicit Dumper(const Function& f) : f_(f) {}

  std::string run() {
    line("function {}: {} at {}{}", f_.name.text(), f_.pool.type(f_.type).spelling.text(), at(f_.at),
         flags());
    for (const Local& local : f_.locals)
      line("  {} {}: {} ({}){}{}{}", local.parameter ? "parameter" : "local", local.name.text(),
           f_.pool.type(local.type).spelling.text(), local.size, local.is_static ? " static" : "",
           local.variable_length ? " variable-length" : "", local.address_taken ? " address-taken" : "");
    for (std::size_t i = 0; i < f_.macros.size(); ++i) macro(i);
    for (std::size_t i = 0; i < f_.blocks.size(); ++i) block(i);
    for (const Symbol s : f_.address_taken) line("  takes address of {}", s.text());
    return std::move(out_);
  }

 private:
  template <typename... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(out_), format, std::forward<Args>(args)...);
    out_ += '\n';
  }
  std::string at(Location where) const {
    if (where.line == 0) return "?";
    if (where.file == f_.at.file) return fmt::format("{}:{}", where.line, where.column);
    const std::string_view path = where.file < f_.files.size() ? f_.files[where.file].text() : "?";
    return fmt::format("{}:{}:{}", path.substr(path.rfind('/') + 1), where.line, where.column);
  }
  std::string flags() const {
    std::string s;
    if (f_.internal) s += " static";
    if (f_.is_inline) s += " inline";
    if (f_.in_header) s += " header";
    if (f_.is_virtual) s += " virtual";
    if (f_.has_errors) s += " errors";
    if (f_.from_template) s += " template";
    if (f_.noreturn) s += " noreturn";
    if (f_.is_lambda) s += " lambda";
    return s;
  }
  std::string macro_name(MacroId id) const {
    if (id == kNoMacro || id.value() >= f_.macros.size()) return "";
    return fmt::format("{}#{}", f_.macros[id.value()].name.text(), id.value());
  }
  void macro(std::size_t i) {
    const MacroUse& m = f_.macros[i];
    std::string args;
    for (const MacroArgument& a : m.arguments) {
      if (!args.empty()) args += ", ";
      args += a.expr == kNoExpr ? "-" : to_text(f_.pool, a.expr);
      if (a.written) args += " (written)";
    }
    const std::string parent = m.parent == kNoMacro ? "" : " in " + macro_name(m.parent);
    const std::string written = m.written_in == m.parent   ? ""
                                : m.written_in == kNoMacro ? " as argument from the text"
                                                           : " as argument from " + macro_name(m.written_in);
    line("  macro #{} {}{} at {}{}{}", i, m.name.text(), m.function_like ? "(" + args + ")" : "", at(m.at),
         parent, written);
  }
  void block(std::size_t i) {
    const Block& b = f_.blocks[i];
    line("  block {}{}", i, i == 0 ? " entry" : i == 1 ? " exit" : "");
    for (const Event& e : b.events) event(e);
    if (b.condition != kNoExpr) line("    decide {}", to_text(f_.pool, b.condition));
    for (const Edge& e : b.edges) line("    -> {}{}", e.to.value(), edge(e));
  }
  std::string edge(const Edge& e) const {
    switch (e.kind) {
      case EdgeKind::Always:
        return "";
      case EdgeKind::True:
        return " true";
      case EdgeKind::False:
        return " false";
      case EdgeKind::Case:
        return e.low == e.high ? fmt::format(" case {}", e.low)
                               : fmt::format(" case {} ... {}", e.low, e.high);
      case EdgeKind::Default:
        return " default";
      case EdgeKind::Catch:
        return e.type == kNoType ? std::string(" catch ...")
                                 : fmt::format(" catch {}", f_.pool.type(e.type).spelling.text());
      case EdgeKind::Jump:
        return " jump";
    }
    return "";
  }
  void event(const Event& e) {
    const std::string_view local = e.local == kNoLocal || e.local.value() >= f_.locals.size()
                                       ? std::string_view()
                                       : f_.locals[e.local.value()].name.text();
    std::string what;
    switch (e.kind) {
      case EventKind::Evaluate:
        what = to_text(f_.pool, e.expr);
        break;
      case EventKind::Declare:
        what = fmt::format("declare {}", local);
        break;
      case EventKind::ScopeEnd:
        what = fmt::format("end of {}", local);
        break;
      case EventKind::MacroBegin:
        what = fmt::format("begin {}", macro_name(e.macro));
        break;
      case EventKind::MacroEnd:
        what = fmt::format("end {}", macro_name(e.macro));
        break;
      case EventKind::Return:
        what = e.expr == kNoExpr ? "return" : "return " + to_text(f_.pool, e.expr);
        break;
      case EventKind::Catch:
        what = fmt::format("caught {}", local);
        break;
    }
    const bool flagged = e.kind == EventKind::Evaluate && (f_.pool[e.expr].flags & kImplicit) != 0;
    const bool marker = e.kind == EventKind::MacroBegin || e.kind == EventKind::MacroEnd;
    std::string inside;
    if (!marker && e.macro != kNoMacro)
      inside = fmt::format("  [{}{}]", macro_name(e.macro), e.written_in == e.macro ? "" : " argument");
    line("    {}: {}{}{}", at(e.at), what, flagged ? " (implicit)" : "", inside);
  }

  const Function& f_;
  std::string out_;
};

}  // namespace

std::string to_text(const Pool& pool, ExprId id) {
  Writer writer(pool);
  writer.expr(id);
  return writer.take();
}

std::string dump(const Function& function) { return Dumper(function).run(); }

std::string dump(const Unit& unit) {
  const auto base = [](std::string_view path) { return path.substr(path.rfind('/') + 1); };
  std::string out = fmt::format("unit {}", base(unit.main_file));
  if (unit.errors != 0) out += fmt::format(" errors {}", unit.errors);
  if (unit.incomplete) out += " incomplete";
  out += '\n';
  for (const Global& g : unit.globals)
    out +=
        fmt::format("global {}: {}{}{}{} at {}\n", g.name.text(), g.type.text(), g.internal ? " static" : "",
                    g.defined ? "" : " declared", g.is_const ? " const" : "", g.line);
  for (const FieldStore& s : unit.stores)
    out += fmt::format("store {} in {}.{} of {} at {}\n", s.function.text(), s.record.text(), s.field.text(),
                       s.variable.text(), s.line);
  for (const ClassInfo& c : unit.classes) {
    out += fmt::format("class {}", c.name.text());
    for (const Symbol b : c.bases) out += fmt::format(" : {}", b.text());
    out += '\n';
    for (const ClassInfo::Method& m : c.methods) {
      out += fmt::format("  virtual {} {} as {}", m.name.text(), m.signature.text(), m.link.text());
      for (const Symbol o : m.overrides) out += fmt::format(" overrides {}", o.text());
      out += '\n';
    }
  }
  for (const Symbol s : unit.exported) out += fmt::format("exported {}\n", s.text());
  for (const Function& f : unit.functions) out += dump(f);
  return out;
}

}  // namespace quire::metal
