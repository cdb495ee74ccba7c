#include "metal/front/pattern_source.h"

#include <algorithm>
#include <cctype>

namespace quire::metal {

namespace {

bool starts_word(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_'; }
bool in_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

/// Past a literal that starts at `i`.
std::size_t skip_literal(const std::string& s, std::size_t i) {
  const char quote = s[i++];
  while (i < s.size() && s[i] != quote) i += s[i] == '\\' ? 2 : 1;
  return std::min(i + 1, s.size());
}

const std::set<std::string> kKeywords = {"sizeof", "if",          "while",      "for",  "switch", "return",
                                         "typeof", "__typeof__",  "alignof",    "new",  "delete", "throw",
                                         "catch",  "static_cast", "const_cast", "int",  "char",   "long",
                                         "short",  "unsigned",    "signed",     "void", "float",  "double"};

const std::vector<StandIn>& order(HoleType type) {
  static const std::vector<StandIn> scalar_first = {StandIn::Scalar, StandIn::Record, StandIn::Function};
  static const std::vector<StandIn> pointer_first = {StandIn::Record, StandIn::Function, StandIn::Scalar};
  static const std::vector<StandIn> function_first = {StandIn::Function, StandIn::Scalar, StandIn::Record};
  switch (type) {
    case HoleType::AnyPointer:
      return pointer_first;
    case HoleType::AnyCall:
      return function_first;
    default:
      return scalar_first;
  }
}

}  // namespace

std::vector<Word> words_of(const std::string& s) {
  std::vector<Word> words;
  bool member = false;
  for (std::size_t i = 0; i < s.size();) {
    if (s[i] == '"' || s[i] == '\'') {
      i = skip_literal(s, i);
    } else if (starts_word(s[i])) {
      const std::size_t begin = i;
      while (i < s.size() && in_word(s[i])) ++i;
      Word w;
      w.text = s.substr(begin, i - begin);
      w.member = member;
      std::size_t j = i;
      while (j < s.size() && std::isspace(static_cast<unsigned char>(s[j])) != 0) ++j;
      w.called = j < s.size() && s[j] == '(' && kKeywords.count(w.text) == 0;
      words.push_back(std::move(w));
      member = false;
    } else {
      const bool arrow = s[i] == '>' && i > 0 && s[i - 1] == '-';
      const bool scope = s[i] == ':' && i > 0 && s[i - 1] == ':';
      if (std::isspace(static_cast<unsigned char>(s[i])) == 0) member = s[i] == '.' || arrow || scope;
      ++i;
    }
  }
  return words;
}

std::size_t PatternSource::attempts(std::size_t fragment) const {
  if (request_.language == Language::Cxx) return 1;
  for (const Word& w : words_of(request_.fragments[fragment]))
    for (const HoleDecl& h : request_.holes)
      if (!w.member && h.name == w.text && h.type != HoleType::Typed) return 3;
  return 1;
}

void PatternSource::piece(PatternError::Where where, u32 index, const std::string& text) {
  map_.pieces.push_back({where, index, out_.size(), out_.size() + text.size()});
  out_ += text;
}

std::string PatternSource::stand_in(const HoleDecl& hole, u32 index, std::size_t attempt,
                                    const std::string& name, bool bad) const {
  if (hole.type == HoleType::Typed) {
    if (bad) return "int " + name;
    return "metal_hole_" + std::to_string(index) + "_type " + name;
  }
  if (request_.language == Language::Cxx) return "T" + std::to_string(index) + " " + name;
  const std::vector<StandIn>& kinds = order(hole.type);
  switch (kinds[std::min(attempt, kinds.size() - 1)]) {
    case StandIn::Scalar:
      return "int " + name;
    case StandIn::Record:
      return std::string("struct ") + kRecord + " *" + name;
    case StandIn::Function:
      return "int (*" + name + ")()";
  }
  return "int " + name;
}

std::string PatternSource::write(const std::vector<FragmentPlan>& plans, const std::set<std::string>& members,
                                 const std::vector<bool>& bad_holes) {
  const bool cxx = request_.language == Language::Cxx;
  out_.clear();
  map_.pieces.clear();
  parameters_.assign(request_.fragments.size(), {});
  piece(PatternError::Where::Preamble, 0, request_.preamble);
  out_ += "\n";
  // Names that the patterns use must not be expanded: a pattern matches the use of a macro, not what it
  // stands for.
  for (const std::string& macro : macros_) out_ += "#undef " + macro + "\n";
  for (const HoleDecl& hole : request_.holes) out_ += "#undef " + hole.name + "\n";
  if (!cxx) {
    out_ += std::string("struct ") + kRecord + " {\n";
    for (const std::string& member : members)
      out_ += std::string("  struct ") + kRecord + " *" + member + ";\n";
    out_ += "  int metal_none;\n};\n";
  }
  for (u32 i = 0; i < request_.holes.size(); ++i) {
    if (request_.holes[i].type != HoleType::Typed || bad_holes[i]) continue;
    // The plain form gives the better messages, but cannot name arrays and pointers to functions.
    const bool plain = request_.holes[i].type_text.find_first_of("([") == std::string::npos;
    out_ += plain ? "typedef " : "typedef __typeof__(";
    piece(PatternError::Where::Hole, i, request_.holes[i].type_text);
    out_ += (plain ? "\n metal_hole_" : "\n) metal_hole_") + std::to_string(i) + "_type;\n";
  }
  for (u32 f = 0; f < plans.size(); ++f) {
    const FragmentPlan& plan = plans[f];
    if (plan.done) continue;
    std::string parameters, type_parameters;
    std::set<std::string> named;
    const auto add = [&](Parameter p, const std::string& text) {
      if (!named.insert(p.name).second) return;
      parameters += (parameters.empty() ? "" : ", ") + text;
      parameters_[f].push_back(std::move(p));
    };
    for (const Word& w : words_of(request_.fragments[f])) {
      if (w.member) continue;
      const auto hole = std::find_if(request_.holes.begin(), request_.holes.end(),
                                     [&](const HoleDecl& h) { return h.name == w.text; });
      if (hole != request_.holes.end()) {
        const u32 index = static_cast<u32>(hole - request_.holes.begin());
        if (cxx && hole->type != HoleType::Typed && named.count(w.text) == 0)
          type_parameters += (type_parameters.empty() ? "" : ", ") + ("class T" + std::to_string(index));
        add({Parameter::Kind::Hole, w.text, index},
            stand_in(*hole, index, plan.attempt, w.text, bad_holes[index]));
      } else if (w.called && (plan.shadow_calls || macros_.count(w.text) != 0)) {
        add({Parameter::Kind::Callee, w.text, 0}, "int (*" + w.text + ")(" + (cxx ? "..." : "") + ")");
      } else if (plan.unknown_macros.count(w.text) != 0) {
        add({Parameter::Kind::Macro, w.text, 0}, "int " + w.text);
      }
    }
    if (!type_parameters.empty()) out_ += "template <" + type_parameters + "> ";
    if (!cxx && parameters.empty()) parameters = "void";
    out_ +=
        std::string(cxx ? "auto " : "int ") + kFunction + std::to_string(f) + "(" + parameters + ") { {\n";
    piece(PatternError::Where::Fragment, f, request_.fragments[f]);
    // On a line of its own, in case the fragment ends in a // comment.
    out_ += "\n; } }\n";
  }
  return out_;
}

}  // namespace quire::metal
