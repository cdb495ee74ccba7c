// What one translation unit contributes: the content of a function file.
#pragma once

#include <string>
#include <vector>

#include "metal/ir/function.h"

namespace quire::metal {

/// A file whose content went into the unit.
struct Dependency {
  std::string path;  ///< absolute
  u64 size = 0;
  i64 mtime_ns = 0;
  u64 hash = 0;  ///< xxh3 of the bytes
};

/// "Field `field` of record `record` holds function `function`", from a static initialiser; both are null for
/// a plain variable or array of function pointers.
struct FieldStore {
  Symbol record, field;
  Symbol function;  ///< link name
  bool function_internal = false;
  Symbol variable;  ///< the variable that is initialised
  Symbol file;
  u32 line = 0;
};

struct Global {
  Symbol name, link;
  Symbol type;  ///< canonical spelling
  bool internal = false, defined = false, is_const = false;
  Symbol file;
  u32 line = 0;
};

/// For virtual calls: what a class derives from and which methods it overrides.
struct ClassInfo {
  struct Method {
    Symbol name;       ///< unqualified, "run"
    Symbol signature;  ///< canonical type spelling
    Symbol link;
    std::vector<Symbol> overrides;  ///< links of the methods it overrides directly
  };
  Symbol name;
  std::vector<Symbol> bases;
  std::vector<Method> methods;  ///< virtual ones only
};

/// A message of the parser, kept so that a warm run says what a cold one said.
struct UnitDiagnostic {
  bool is_error = false;
  std::string file;
  u32 line = 0, column = 0;
  std::string text;
};

struct Unit {
  std::string main_file;  ///< absolute
  std::vector<Dependency> dependencies;
  std::vector<Function> functions;
  std::vector<FieldStore> stores;
  std::vector<Global> globals;
  std::vector<ClassInfo> classes;
  std::vector<Symbol> exported;  ///< named by EXPORT_SYMBOL and its kin: callers may be unknown
  /// Link names of functions whose address is taken outside of functions.
  std::vector<Symbol> address_taken;
  std::vector<UnitDiagnostic> diagnostics;
  u32 errors = 0;  ///< parse errors; the functions are still what could be read
  u32 functions_with_errors = 0;
  u32 flags_dropped = 0;    ///< compiler options that mean nothing to Clang
  bool incomplete = false;  ///< a file was missing: everything after it may be wrong
};

/// A dump for people and for golden tests; stable. File names are cut to their last part.
std::string dump(const Unit& unit);

}  // namespace quire::metal
