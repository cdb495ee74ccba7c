// Rule patterns: fragments of C or C++ with holes, parsed by Clang into the trees that functions are made of.
#pragma once

#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "metal/ir/expr.h"

namespace quire::metal {

enum class HoleType : u8 {
  Typed,         ///< a type of the base language, in Hole::type_text
  AnyExpr,       ///< any_expr
  AnyScalar,     ///< any_scalar, { scalar }: integer, enum, bool, floating, pointer
  AnyPointer,    ///< any_pointer
  AnyArguments,  ///< any_arguments: the rest of an argument list
  AnyCall,       ///< any_fn_call
  AnyType,       ///< any_type: a hole in type position
};

/// A hole as declared by a rule.
struct HoleDecl {
  std::string name;
  HoleType type = HoleType::AnyExpr;
  std::string type_text;  ///< when Typed: "struct inode *", "unsigned"
  bool carries_state = false;
};

enum class PatternKind : u8 {
  Expression,   ///< `root`
  Return,       ///< `return root;`, root kNoExpr for `return;`
  Declaration,  ///< a local comes into scope: `root` is its Var (a Hole), `init` the initial value (for a
                ///< class the Construct of it) or kNoExpr
};

/// A parsed fragment. Hole expressions have kind Hole, value the index in the list of holes handed in, and,
/// when typed, a type. A name that is called but was declared nowhere is a Function; a macro that the
/// preamble defines is not expanded: a use with arguments is a Call of a Function of that name, one without
/// is a Macro whose kid 0 is its value where the preamble tells it.
struct Pattern {
  PatternKind kind = PatternKind::Expression;
  Pool pool;
  ExprId root = kNoExpr;
  ExprId init = kNoExpr;
  /// Types of the holes, in the order of the declarations (kNoType where untyped). A hole of a type matches
  /// as metal.md's rule says: an integer hole any integer of its signedness, others by Type::spelling or
  /// alias.
  std::vector<TypeId> hole_types;
  std::vector<bool> hole_used;
};

/// Something wrong with a fragment, the preamble or a hole.
struct PatternError {
  enum class Where : u8 { Fragment, Preamble, Hole } where = Where::Fragment;
  u32 index = 0;   ///< of the fragment, or of the hole
  u32 offset = 0;  ///< byte in the fragment's text, in the preamble's text or in the hole's type text
  std::string message;
  std::string file;  ///< not empty: the error is in a file that the preamble includes
  u32 line = 0;
};

enum class Language : u8 { C, Cxx };

/// All fragments of one machine, parsed together: one Clang run (or a few, for retries) for all of them.
struct PatternRequest {
  Language language = Language::C;
  std::string preamble;
  std::string directory;  ///< of the rule file: quoted includes start here
  std::vector<std::string> include_paths;
  std::vector<std::string> flags;  ///< further options for Clang ("-DX", "-std=gnu11")
  std::vector<HoleDecl> holes;
  std::vector<std::string>
      fragments;  ///< without their braces; each one expression or statement, final ';' optional
};

/// Per fragment: the pattern, or what is wrong with it. Errors in preamble and holes come alone in `errors`.
struct PatternResult {
  std::vector<std::unique_ptr<Pattern>> patterns;  ///< null where that fragment has an error
  std::vector<PatternError> errors;
};

/// Parses the fragments of a request. Thread-safe. Never reads or writes anything but the files that the
/// preamble includes.
PatternResult parse_patterns(const PatternRequest& request, Symbols& symbols);

}  // namespace quire::metal
