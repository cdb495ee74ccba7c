#include "metal/front/argument_text.h"

#include <array>
#include <cctype>
#include <charconv>

namespace quire::metal {

namespace {

bool is_space(char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; }
bool starts_name(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_'; }
bool in_name(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

class Parser {
 public:
  Parser(std::string_view in, Pool& pool, Symbols& symbols,
         const std::function<ExprId(std::string_view)>& name)
      : in_(in), pool_(pool), symbols_(symbols), name_(name) {}

  ExprId run() {
    const ExprId id = unary(0);
    skip();
    return at_ == in_.size() ? id : kNoExpr;
  }

 private:
  static constexpr int kDeepest = 50;

  void skip() {
    while (at_ < in_.size() && is_space(in_[at_])) ++at_;
  }
  bool take(std::string_view what) {
    skip();
    if (!in_.substr(at_).starts_with(what)) return false;
    at_ += what.size();
    return true;
  }

  /// The node in the pool that differs at most in its type (the text does not tell it), or a new one.
  ExprId node(ExprKind kind, Op op, Symbol name, i64 value, std::initializer_list<ExprId> kids) {
    for (u32 i = 0; i < pool_.size(); ++i) {
      const Expr& e = pool_[ExprId(i)];
      if (e.kind != kind || e.op != op || e.name != name || e.value != value || e.kid_count != kids.size())
        continue;
      const auto have = pool_.kids(ExprId(i));
      if (std::equal(have.begin(), have.end(), kids.begin(),
                     [&](ExprId a, ExprId b) { return pool_.core(a) == pool_.core(b); }))
        return ExprId(i);
    }
    Expr e;
    e.kind = kind;
    e.op = op;
    e.name = name;
    e.value = value;
    return pool_.add(e, std::span(kids.begin(), kids.size()));
  }

  ExprId unary(int depth) {
    if (depth > kDeepest) return kNoExpr;
    skip();
    const auto prefix = [&](ExprKind kind, Op op) {
      const ExprId sub = unary(depth + 1);
      if (sub == kNoExpr) return kNoExpr;
      if (kind == ExprKind::AddressOf && pool_[sub].kind == ExprKind::Deref) return pool_.kid(sub, 0);
      if (kind == ExprKind::Deref && pool_[sub].kind == ExprKind::AddressOf) return pool_.kid(sub, 0);
      return node(kind, op, {}, 0, {sub});
    };
    if (in_.substr(at_).starts_with("&&")) return kNoExpr;
    if (take("&")) return prefix(ExprKind::AddressOf, Op::None);
    if (take("*")) return prefix(ExprKind::Deref, Op::None);
    if (take("!")) return prefix(ExprKind::Unary, Op::Not);
    return postfix(depth);
  }

  ExprId postfix(int depth) {
    ExprId id = primary(depth);
    while (id != kNoExpr) {
      if (take("->")) {
        id = pool_[id].kind == ExprKind::AddressOf ? pool_.kid(id, 0)
                                                   : node(ExprKind::Deref, Op::None, {}, 0, {id});
        id = member(id);
      } else if (take(".")) {
        id = member(id);
      } else if (take("[")) {
        const ExprId index = unary(depth + 1);
        if (index == kNoExpr || !take("]")) return kNoExpr;
        id = node(ExprKind::Index, Op::None, {}, 0, {id, index});
      } else {
        break;
      }
    }
    return id;
  }

  ExprId member(ExprId base) {
    const std::string_view name = word();
    return name.empty() ? kNoExpr : node(ExprKind::Member, Op::None, symbols_.intern(name), 0, {base});
  }

  std::string_view word() {
    skip();
    const std::size_t begin = at_;
    if (at_ < in_.size() && starts_name(in_[at_]))
      while (at_ < in_.size() && in_name(in_[at_])) ++at_;
    return in_.substr(begin, at_ - begin);
  }

  ExprId primary(int depth) {
    if (take("(")) {
      const ExprId id = unary(depth + 1);
      return id != kNoExpr && take(")") ? id : kNoExpr;
    }
    if (const std::string_view name = word(); !name.empty()) return name_(name);
    if (at_ >= in_.size() || std::isdigit(static_cast<unsigned char>(in_[at_])) == 0) return kNoExpr;
    std::string_view digits = in_.substr(at_);
    const bool hex = digits.starts_with("0x") || digits.starts_with("0X");
    if (hex) digits.remove_prefix(2);
    i64 value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value,
                                              hex                       ? 16
                                              : digits.starts_with("0") ? 8
                                                                        : 10);
    if (error != std::errc()) return kNoExpr;
    at_ = static_cast<std::size_t>(end - in_.data());
    while (at_ < in_.size() && std::string_view("uUlL").find(in_[at_]) != std::string_view::npos) ++at_;
    return node(ExprKind::Int, Op::None, {}, value, {});
  }

  std::string_view in_;
  Pool& pool_;
  Symbols& symbols_;
  const std::function<ExprId(std::string_view)>& name_;
  std::size_t at_ = 0;
};

}  // namespace

std::vector<std::string_view> split_arguments(std::string_view text) {
  std::vector<std::string_view> arguments;
  std::size_t i = 0;
  while (i < text.size() && is_space(text[i])) ++i;
  if (i >= text.size() || text[i] != '(') return arguments;
  std::size_t begin = ++i;
  for (int depth = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"' || c == '\'') {
      for (++i; i < text.size() && text[i] != c; ++i)
        if (text[i] == '\\') ++i;
    } else if (c == '(' || c == '[' || c == '{') {
      ++depth;
    } else if (depth > 0 && (c == ')' || c == ']' || c == '}')) {
      --depth;
    } else if (depth == 0 && (c == ',' || c == ')')) {
      arguments.push_back(text.substr(begin, i - begin));
      begin = i + 1;
      if (c == ')') return arguments;
    }
  }
  return {};
}

ExprId parse_argument(std::string_view text, Pool& pool, Symbols& symbols,
                      const std::function<ExprId(std::string_view)>& name) {
  return Parser(text, pool, symbols, name).run();
}

}  // namespace quire::metal
