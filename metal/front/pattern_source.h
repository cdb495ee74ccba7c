// The source file that makes Clang parse the fragments of a machine: each in a function of its own, whose
// parameters are the holes.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "metal/front/pattern.h"

namespace quire::metal {

/// What stands in for a hole without a type. Fragments that do not parse with one are tried with the next.
enum class StandIn : u8 { Scalar, Record, Function };

/// How one fragment is to be written out.
struct FragmentPlan {
  std::size_t attempt = 0;
  bool done = false;
  bool shadow_calls = false;             ///< called names become function pointers that take anything
  std::set<std::string> unknown_macros;  ///< names in capitals that nobody declares
};

/// Identifiers of a fragment, outside of literals and comments.
struct Word {
  std::string text;
  bool called = false;  ///< a parenthesis follows
  bool member = false;  ///< . or -> or :: before it
};
std::vector<Word> words_of(const std::string& fragment);

/// Where in the source the pieces of the request went.
struct SourceMap {
  struct Piece {
    PatternError::Where where;
    u32 index;
    std::size_t begin, end;
  };
  std::vector<Piece> pieces;
};

/// The parameters of the function of a fragment: what each stands for.
struct Parameter {
  enum class Kind : u8 { Hole, Callee, Macro } kind;
  std::string name;
  u32 hole = 0;
};

class PatternSource {
 public:
  PatternSource(const PatternRequest& request, std::set<std::string> function_macros)
      : request_(request), macros_(std::move(function_macros)) {}

  /// The text for these plans; fragments that are done are left out.
  std::string write(const std::vector<FragmentPlan>& plans, const std::set<std::string>& members,
                    const std::vector<bool>& bad_holes);
  const SourceMap& map() const { return map_; }
  /// In the order of the function's parameters.
  const std::vector<Parameter>& parameters(std::size_t fragment) const { return parameters_[fragment]; }
  /// The number of different attempts that make sense for a fragment.
  std::size_t attempts(std::size_t fragment) const;

  static constexpr const char* kFunction = "metal_fragment_";
  static constexpr const char* kRecord = "metal_any";

 private:
  std::string stand_in(const HoleDecl& hole, u32 index, std::size_t attempt, const std::string& name,
                       bool bad) const;
  void piece(PatternError::Where where, u32 index, const std::string& text);

  const PatternRequest& request_;
  std::set<std::string> macros_;
  std::string out_;
  SourceMap map_;
  std::vector<std::vector<Parameter>> parameters_;
};

}  // namespace quire::metal
