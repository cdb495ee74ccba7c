#include "metal/front/translator.h"

#include <clang/AST/Attr.h>
#include <clang/AST/DeclTemplate.h>
#include <clang/AST/ExprObjC.h>
#include <clang/AST/StmtVisitor.h>
#include <clang/Basic/Builtins.h>
#include <llvm/ADT/SmallString.h>

namespace quire::metal {

namespace {

constexpr int kDeepest = 3000;  // nested expressions
constexpr std::size_t kMostInitialisers =
    256;  // of one list: a table in a function is not what rules look at

i64 to_i64(const llvm::APInt& value, bool is_signed) {
  if (is_signed) return value.getSignificantBits() <= 64 ? value.getSExtValue() : INT64_MAX;
  return static_cast<i64>(value.getLimitedValue());
}

/// Whether a builtin merely passes on its first operand.
bool passes_on(unsigned builtin) {
  return builtin == clang::Builtin::BI__builtin_expect ||
         builtin == clang::Builtin::BI__builtin_expect_with_probability ||
         builtin == clang::Builtin::BI__builtin_assume_aligned ||
         builtin == clang::Builtin::BI__builtin_launder;
}

}  // namespace

Op to_op(clang::BinaryOperatorKind kind) {
  switch (kind) {
    case clang::BO_Mul:
    case clang::BO_MulAssign:
      return Op::Mul;
    case clang::BO_Div:
    case clang::BO_DivAssign:
      return Op::Div;
    case clang::BO_Rem:
    case clang::BO_RemAssign:
      return Op::Rem;
    case clang::BO_Add:
    case clang::BO_AddAssign:
      return Op::Add;
    case clang::BO_Sub:
    case clang::BO_SubAssign:
      return Op::Sub;
    case clang::BO_Shl:
    case clang::BO_ShlAssign:
      return Op::Shl;
    case clang::BO_Shr:
    case clang::BO_ShrAssign:
      return Op::Shr;
    case clang::BO_And:
    case clang::BO_AndAssign:
      return Op::And;
    case clang::BO_Or:
    case clang::BO_OrAssign:
      return Op::Or;
    case clang::BO_Xor:
    case clang::BO_XorAssign:
      return Op::Xor;
    case clang::BO_LT:
      return Op::Lt;
    case clang::BO_GT:
      return Op::Gt;
    case clang::BO_LE:
      return Op::Le;
    case clang::BO_GE:
      return Op::Ge;
    case clang::BO_EQ:
      return Op::Eq;
    case clang::BO_NE:
      return Op::Ne;
    case clang::BO_LAnd:
      return Op::LogAnd;
    case clang::BO_LOr:
      return Op::LogOr;
    default:
      return Op::None;
  }
}

ExprId Translator::make_typed(ExprKind kind, TypeId type, llvm::ArrayRef<ExprId> kids, Op op, Symbol name,
                              i64 value, u16 flags) {
  Expr node;
  node.kind = kind;
  node.type = type;
  node.op = op;
  node.name = name;
  node.value = value;
  node.flags = flags;
  return pool_.add(node, std::span(kids.data(), kids.size()));
}

ExprId Translator::make(ExprKind kind, clang::QualType type, llvm::ArrayRef<ExprId> kids, Op op, Symbol name,
                        i64 value, u16 flags) {
  return make_typed(kind, types_.id(type), kids, op, name, value, flags);
}

ExprId Translator::integer(i64 value, clang::QualType type, Symbol name) {
  return make(ExprKind::Int, type, {}, Op::None, name, value);
}

ExprId Translator::address_of(ExprId object, clang::QualType type) {
  const Expr& e = pool_[object];
  if (e.kind == ExprKind::Deref) return pool_.kid(object, 0);
  if (e.kind == ExprKind::Function) return object;
  return make(ExprKind::AddressOf, type, {object});
}

ExprId Translator::dereference(ExprId pointer, clang::QualType type) {
  const Expr& e = pool_[pointer];
  if (e.kind == ExprKind::AddressOf) return pool_.kid(pointer, 0);
  if (e.kind == ExprKind::Function || type->isFunctionType()) return pointer;
  if (e.kind == ExprKind::Binary && e.op == Op::Add) {
    ExprId base = pool_.kid(pointer, 0), step = pool_.kid(pointer, 1);
    const auto points = [&](ExprId id) {
      const TypeKind kind = pool_.type_of(id).kind;
      return kind == TypeKind::Pointer || kind == TypeKind::Array;
    };
    if (!points(base) && points(step)) std::swap(base, step);
    if (points(base)) return make(ExprKind::Index, type, {base, step});
  }
  return make(ExprKind::Deref, type, {pointer});
}

ExprId Translator::variable(const clang::VarDecl* decl) {
  return make(ExprKind::Var, decl->getType().getNonReferenceType(), {}, Op::None, names_.qualified(decl), -1,
              decl->hasGlobalStorage() ? kStatic : 0);
}

ExprId Translator::this_object(const clang::CXXThisExpr* e) {
  return make(ExprKind::Var, e->getType(), {}, Op::None, names_.symbol("this"), -1);
}

ExprId Translator::function(const clang::FunctionDecl* decl, bool /*called*/) {
  FunctionRef ref;
  ref.name = names_.qualified(decl);
  ref.link = names_.link(decl);
  ref.type = types_.id(decl->getType());
  ref.internal = !decl->isExternallyVisible();
  ref.noreturn = decl->isNoReturn();
  ref.must_use = decl->hasAttr<clang::WarnUnusedResultAttr>();
  if (const auto* method = llvm::dyn_cast<clang::CXXMethodDecl>(decl); method != nullptr) {
    ref.is_method = method->isInstance();
    ref.is_virtual = method->isVirtual();
    ref.is_destructor = llvm::isa<clang::CXXDestructorDecl>(method);
    ref.is_constructor = llvm::isa<clang::CXXConstructorDecl>(method);
  }
  const u32 number = pool_.add_function(ref);
  return make(ExprKind::Function, decl->getType(), {}, Op::None, ref.name, number);
}

ExprId Translator::logical(const clang::BinaryOperator* e) {
  const ExprId left = translate(e->getLHS());
  const ExprId right = translate(e->getRHS());
  return make(ExprKind::Binary, e->getType(), {left, right}, to_op(e->getOpcode()));
}

ExprId Translator::conditional(const clang::AbstractConditionalOperator* e) {
  ExprId condition;
  if (const auto* binary_form = llvm::dyn_cast<clang::BinaryConditionalOperator>(e); binary_form != nullptr) {
    condition = translate(binary_form->getCommon());
    opaque_[binary_form->getOpaqueValue()] = condition;
  } else {
    condition = translate(e->getCond());
  }
  const ExprId yes = translate(e->getTrueExpr());
  const ExprId no = translate(e->getFalseExpr());
  return make(ExprKind::Conditional, e->getType(), {condition, yes, no});
}

ExprId Translator::statement_expression(const clang::StmtExpr* e) {
  const clang::CompoundStmt* body = e->getSubStmt();
  if (body->body_empty()) return unknown(e);
  const auto* last = llvm::dyn_cast<clang::Expr>(body->body_back());
  return last != nullptr ? translate(last) : unknown(e);
}

ExprId Translator::assign(const clang::BinaryOperator* e) {
  const ExprId right = translate(e->getRHS());
  const ExprId left = translate(e->getLHS(), Use::Access);
  const ExprId id = make(ExprKind::Assign, e->getType(), {left, right}, to_op(e->getOpcode()));
  evaluated(id, e);
  return id;
}

ExprId Translator::lambda(const clang::LambdaExpr* e) {
  llvm::SmallVector<ExprId, 4> captured;
  for (const clang::Expr* init : e->capture_inits())
    if (init != nullptr) captured.push_back(translate(init, Use::Address));
  const ExprId id =
      make(ExprKind::Lambda, e->getType(), captured, Op::None, names_.link(e->getCallOperator()));
  evaluated(id, e);
  return id;
}

ExprId Translator::temporary(const clang::CXXBindTemporaryExpr* e) { return translate(e->getSubExpr()); }

ExprId Translator::throw_expression(const clang::CXXThrowExpr* e) {
  llvm::SmallVector<ExprId, 1> kids;
  if (e->getSubExpr() != nullptr) kids.push_back(translate(e->getSubExpr()));
  const ExprId id = make(ExprKind::Throw, e->getType(), kids);
  evaluated(id, e);
  return id;
}

ExprId Translator::recovery(const clang::RecoveryExpr* e) { return unknown(e); }

ExprId Translator::label_address(const clang::AddrLabelExpr* e) {
  return make(ExprKind::Unknown, e->getType(), {}, Op::None, names_.symbol(e->getLabel()->getName()));
}

ExprId Translator::unknown(const clang::Expr* e) {
  llvm::SmallVector<ExprId, 4> kids;
  for (const clang::Stmt* child : e->children())
    if (const auto* sub = llvm::dyn_cast_or_null<clang::Expr>(child); sub != nullptr)
      kids.push_back(translate(sub));
  const u16 flags = llvm::isa<clang::RecoveryExpr>(e) ? kError : e->isTypeDependent() ? kDependent : 0;
  return make(ExprKind::Unknown, e->getType(), kids, Op::None, names_.symbol(e->getStmtClassName()), 0,
              flags);
}

ExprId Translator::translate(const clang::Expr* e, Use use) {
  before(e);
  // Nesting that no person wrote: give up on the details rather than on the stack.
  const bool too_deep = ++depth_ > kDeepest;
  const ExprId id = too_deep ? make(ExprKind::Unknown, e->getType(), {}, Op::None, names_.symbol("deep"))
                             : dispatch(e, use);
  --depth_;
  return after(e, id);
}

ExprId Translator::constant(const clang::Expr* e, bool& is_constant) {
  is_constant = true;
  switch (e->getStmtClass()) {
    case clang::Stmt::IntegerLiteralClass:
      return integer(
          to_i64(llvm::cast<clang::IntegerLiteral>(e)->getValue(), e->getType()->isSignedIntegerType()),
          e->getType());
    case clang::Stmt::CharacterLiteralClass:
      return integer(llvm::cast<clang::CharacterLiteral>(e)->getValue(), e->getType());
    case clang::Stmt::CXXBoolLiteralExprClass:
      return integer(llvm::cast<clang::CXXBoolLiteralExpr>(e)->getValue() ? 1 : 0, e->getType());
    case clang::Stmt::CXXNullPtrLiteralExprClass:
    case clang::Stmt::GNUNullExprClass:
    case clang::Stmt::ImplicitValueInitExprClass:
    case clang::Stmt::CXXScalarValueInitExprClass:
      return integer(0, e->getType());
    case clang::Stmt::FloatingLiteralClass: {
      llvm::SmallString<32> text;
      llvm::cast<clang::FloatingLiteral>(e)->getValue().toString(text);
      return make(ExprKind::Float, e->getType(), {}, Op::None, names_.symbol(text));
    }
    case clang::Stmt::StringLiteralClass:
      return make(ExprKind::String, e->getType(), {}, Op::None,
                  names_.symbol(llvm::cast<clang::StringLiteral>(e)->getBytes().take_front(4096)));
    case clang::Stmt::PredefinedExprClass: {
      const clang::StringLiteral* text = llvm::cast<clang::PredefinedExpr>(e)->getFunctionName();
      return make(ExprKind::String, e->getType(), {}, Op::None,
                  text != nullptr ? names_.symbol(text->getBytes()) : Symbol());
    }
    case clang::Stmt::UnaryExprOrTypeTraitExprClass:
    case clang::Stmt::OffsetOfExprClass:
    case clang::Stmt::TypeTraitExprClass:
    case clang::Stmt::SizeOfPackExprClass:
    case clang::Stmt::CXXNoexceptExprClass:
    case clang::Stmt::ConceptSpecializationExprClass:
    case clang::Stmt::RequiresExprClass: {
      clang::Expr::EvalResult result;
      if (!e->isValueDependent() && !e->containsErrors() && e->EvaluateAsInt(result, names_.context()))
        return integer(to_i64(result.Val.getInt(), result.Val.getInt().isSigned()), e->getType());
      // Not a constant (a variable-length array, a template), but not evaluated either.
      return make(ExprKind::Unknown, e->getType(), {}, Op::None, names_.symbol(e->getStmtClassName()));
    }
    default:
      is_constant = false;
      return kNoExpr;
  }
}

ExprId Translator::dispatch(const clang::Expr* e, Use use) {
  bool is_constant = false;
  if (const ExprId id = constant(e, is_constant); is_constant) return id;
  switch (e->getStmtClass()) {
    case clang::Stmt::ParenExprClass:
      return translate(llvm::cast<clang::ParenExpr>(e)->getSubExpr(), use);
    case clang::Stmt::ImplicitCastExprClass:
      return implicit_cast(llvm::cast<clang::ImplicitCastExpr>(e), use);
    case clang::Stmt::ConstantExprClass:
      return translate(llvm::cast<clang::ConstantExpr>(e)->getSubExpr(), use);
    case clang::Stmt::ExprWithCleanupsClass:
      return translate(llvm::cast<clang::ExprWithCleanups>(e)->getSubExpr(), use);
    case clang::Stmt::MaterializeTemporaryExprClass:
      return translate(llvm::cast<clang::MaterializeTemporaryExpr>(e)->getSubExpr(), use);
    case clang::Stmt::CXXBindTemporaryExprClass:
      return temporary(llvm::cast<clang::CXXBindTemporaryExpr>(e));
    case clang::Stmt::SubstNonTypeTemplateParmExprClass:
      return translate(llvm::cast<clang::SubstNonTypeTemplateParmExpr>(e)->getReplacement(), use);
    case clang::Stmt::CXXDefaultArgExprClass: {
      const auto* arg = llvm::cast<clang::CXXDefaultArgExpr>(e);
      if (arg->getParam()->hasUnparsedDefaultArg() || arg->getParam()->hasUninstantiatedDefaultArg())
        return unknown(e);
      return translate(arg->getExpr(), use);
    }
    case clang::Stmt::CXXDefaultInitExprClass:
      if (const clang::Expr* init = llvm::cast<clang::CXXDefaultInitExpr>(e)->getExpr(); init != nullptr)
        return translate(init, use);
      return unknown(e);
    case clang::Stmt::CXXStdInitializerListExprClass:
      return translate(llvm::cast<clang::CXXStdInitializerListExpr>(e)->getSubExpr(), use);
    case clang::Stmt::CXXRewrittenBinaryOperatorClass:
      return translate(llvm::cast<clang::CXXRewrittenBinaryOperator>(e)->getSemanticForm(), use);
    case clang::Stmt::ChooseExprClass: {
      const auto* choose = llvm::cast<clang::ChooseExpr>(e);
      return choose->isConditionDependent() ? unknown(e) : translate(choose->getChosenSubExpr(), use);
    }
    case clang::Stmt::GenericSelectionExprClass: {
      const auto* generic = llvm::cast<clang::GenericSelectionExpr>(e);
      return generic->isResultDependent() ? unknown(e) : translate(generic->getResultExpr(), use);
    }
    case clang::Stmt::PseudoObjectExprClass:
      return translate(llvm::cast<clang::PseudoObjectExpr>(e)->getSyntacticForm(), use);
    case clang::Stmt::OpaqueValueExprClass: {
      const auto* opaque = llvm::cast<clang::OpaqueValueExpr>(e);
      if (const auto it = opaque_.find(opaque); it != opaque_.end()) return it->second;
      return opaque->getSourceExpr() != nullptr ? translate(opaque->getSourceExpr(), use) : unknown(e);
    }
    case clang::Stmt::StmtExprClass:
      return statement_expression(llvm::cast<clang::StmtExpr>(e));
    case clang::Stmt::DeclRefExprClass: {
      const clang::ValueDecl* decl = llvm::cast<clang::DeclRefExpr>(e)->getDecl();
      if (const auto* var = llvm::dyn_cast<clang::VarDecl>(decl); var != nullptr) return variable(var);
      if (const auto* fn = llvm::dyn_cast<clang::FunctionDecl>(decl); fn != nullptr)
        return function(fn, false);
      if (const auto* constant_decl = llvm::dyn_cast<clang::EnumConstantDecl>(decl); constant_decl != nullptr)
        return integer(to_i64(constant_decl->getInitVal(), constant_decl->getInitVal().isSigned()),
                       e->getType(), names_.symbol(constant_decl->getName()));
      if (const auto* binding = llvm::dyn_cast<clang::BindingDecl>(decl); binding != nullptr) {
        if (binding->getHoldingVar() != nullptr) return variable(binding->getHoldingVar());
        if (binding->getBinding() != nullptr) return translate(binding->getBinding(), use);
      }
      return make(ExprKind::Var, e->getType(), {}, Op::None, names_.qualified(decl), -1, kStatic);
    }
    case clang::Stmt::CXXThisExprClass:
      return this_object(llvm::cast<clang::CXXThisExpr>(e));
    case clang::Stmt::MemberExprClass:
      return member(llvm::cast<clang::MemberExpr>(e), use);
    case clang::Stmt::ArraySubscriptExprClass:
      return index(llvm::cast<clang::ArraySubscriptExpr>(e), use);
    case clang::Stmt::UnaryOperatorClass:
      return unary(llvm::cast<clang::UnaryOperator>(e), use);
    case clang::Stmt::BinaryOperatorClass:
    case clang::Stmt::CompoundAssignOperatorClass:
      return binary(llvm::cast<clang::BinaryOperator>(e), use);
    case clang::Stmt::ConditionalOperatorClass:
    case clang::Stmt::BinaryConditionalOperatorClass:
      return conditional(llvm::cast<clang::AbstractConditionalOperator>(e));
    case clang::Stmt::CallExprClass:
    case clang::Stmt::CXXMemberCallExprClass:
    case clang::Stmt::CXXOperatorCallExprClass:
    case clang::Stmt::UserDefinedLiteralClass:
      return call(llvm::cast<clang::CallExpr>(e));
    case clang::Stmt::CStyleCastExprClass:
    case clang::Stmt::CXXFunctionalCastExprClass:
    case clang::Stmt::CXXStaticCastExprClass:
    case clang::Stmt::CXXReinterpretCastExprClass:
    case clang::Stmt::CXXConstCastExprClass:
    case clang::Stmt::CXXDynamicCastExprClass: {
      const auto* cast = llvm::cast<clang::ExplicitCastExpr>(e);
      const clang::CastKind kind = cast->getCastKind();
      const ExprId sub = translate(cast->getSubExpr(), use);
      // Conversions by constructor or operator are calls already.
      if (kind == clang::CK_ConstructorConversion || kind == clang::CK_UserDefinedConversion) return sub;
      return make(ExprKind::Cast, cast->getType(), {sub});
    }
    case clang::Stmt::CompoundLiteralExprClass:
      return translate(llvm::cast<clang::CompoundLiteralExpr>(e)->getInitializer(), use);
    case clang::Stmt::InitListExprClass:
      return init_list(llvm::cast<clang::InitListExpr>(e));
    default:
      return rest(e);
  }
}

ExprId Translator::rest(const clang::Expr* e) {
  switch (e->getStmtClass()) {
    case clang::Stmt::DesignatedInitExprClass: {
      const auto* init = llvm::cast<clang::DesignatedInitExpr>(e);
      return translate(init->getInit());
    }
    case clang::Stmt::CXXConstructExprClass:
    case clang::Stmt::CXXTemporaryObjectExprClass:
      return construct(llvm::cast<clang::CXXConstructExpr>(e), kNoExpr);
    case clang::Stmt::CXXNewExprClass:
      return new_object(llvm::cast<clang::CXXNewExpr>(e));
    case clang::Stmt::CXXDeleteExprClass: {
      const auto* deletion = llvm::cast<clang::CXXDeleteExpr>(e);
      const ExprId what = translate(deletion->getArgument());
      const ExprId id =
          make(ExprKind::Delete, e->getType(), {what}, Op::None, {}, 0, deletion->isArrayForm() ? kArray : 0);
      evaluated(id, e);
      return id;
    }
    case clang::Stmt::CXXThrowExprClass:
      return throw_expression(llvm::cast<clang::CXXThrowExpr>(e));
    case clang::Stmt::LambdaExprClass:
      return lambda(llvm::cast<clang::LambdaExpr>(e));
    case clang::Stmt::ArrayInitLoopExprClass:  // the copy of an array, element by element
      return translate(llvm::cast<clang::ArrayInitLoopExpr>(e)->getCommonExpr(), Use::Address);
    case clang::Stmt::AddrLabelExprClass:
      return label_address(llvm::cast<clang::AddrLabelExpr>(e));
    case clang::Stmt::RecoveryExprClass:
      return recovery(llvm::cast<clang::RecoveryExpr>(e));
    case clang::Stmt::UnresolvedLookupExprClass: {
      const auto* lookup = llvm::cast<clang::OverloadExpr>(e);
      FunctionRef ref;
      ref.name = ref.link = names_.symbol(lookup->getName().getAsString());
      return make(ExprKind::Function, e->getType(), {}, Op::None, ref.name, pool_.add_function(ref),
                  kDependent);
    }
    case clang::Stmt::UnresolvedMemberExprClass: {
      const auto* unresolved = llvm::cast<clang::UnresolvedMemberExpr>(e);
      FunctionRef ref;
      ref.name = ref.link = names_.symbol(unresolved->getMemberName().getAsString());
      return make(ExprKind::Function, e->getType(), {}, Op::None, ref.name, pool_.add_function(ref),
                  kDependent);
    }
    case clang::Stmt::CXXDependentScopeMemberExprClass: {
      const auto* dependent = llvm::cast<clang::CXXDependentScopeMemberExpr>(e);
      ExprId base = dependent->isImplicitAccess()
                        ? make(ExprKind::Unknown, {}, {}, Op::None, names_.symbol("this"))
                        : translate(dependent->getBase(), Use::Access);
      if (dependent->isArrow()) {
        base = dereference(base, e->getType());
        evaluated(base, e);
      }
      const ExprId id = make(ExprKind::Member, e->getType(), {base}, Op::None,
                             names_.symbol(dependent->getMember().getAsString()), 0, kDependent);
      evaluated(id, e);
      return id;
    }
    case clang::Stmt::DependentScopeDeclRefExprClass:
      return make(ExprKind::Var, e->getType(), {}, Op::None,
                  names_.symbol(llvm::cast<clang::DependentScopeDeclRefExpr>(e)->getDeclName().getAsString()),
                  -1, kDependent | kStatic);
    default: {
      const ExprId id = unknown(e);
      evaluated(id, e);
      return id;
    }
  }
}

ExprId Translator::implicit_cast(const clang::ImplicitCastExpr* e, Use use) {
  const clang::Expr* sub = e->getSubExpr();
  switch (e->getCastKind()) {
    case clang::CK_LValueToRValue: {
      const ExprId id = translate(sub, Use::Access);
      if (pool_[id].kind == ExprKind::Var || pool_[id].kind == ExprKind::Hole)
        evaluated(id, sub->IgnoreParens());
      return id;
    }
    case clang::CK_ArrayToPointerDecay:
    case clang::CK_FunctionToPointerDecay:
    case clang::CK_BuiltinFnToFnPtr:
      return translate(sub, Use::Address);
    default:
      return translate(sub, use);
  }
}

ExprId Translator::member(const clang::MemberExpr* e, Use use) {
  const clang::ValueDecl* decl = e->getMemberDecl();
  if (const auto* var = llvm::dyn_cast<clang::VarDecl>(decl); var != nullptr) {
    translate(e->getBase(), Use::Address);
    return variable(var);
  }
  if (const auto* constant_decl = llvm::dyn_cast<clang::EnumConstantDecl>(decl); constant_decl != nullptr)
    return integer(to_i64(constant_decl->getInitVal(), true), e->getType(),
                   names_.symbol(constant_decl->getName()));
  if (const auto* method = llvm::dyn_cast<clang::CXXMethodDecl>(decl); method != nullptr)
    return function(method, false);
  ExprId base;
  if (e->isArrow()) {
    base = dereference(translate(e->getBase()), e->getBase()->getType()->getPointeeType());
    if (use == Use::Access) evaluated(base, e);
  } else {
    base = translate(e->getBase(), use);
  }
  const auto* field = llvm::dyn_cast<clang::FieldDecl>(decl);
  // The members of an unnamed struct or union belong to the record around it, as they are written.
  if (field != nullptr && field->isAnonymousStructOrUnion()) return base;
  const ExprId id = make(ExprKind::Member, e->getType(), {base}, Op::None, names_.symbol(decl->getName()));
  if (use == Use::Access) evaluated(id, e);
  return id;
}

ExprId Translator::index(const clang::ArraySubscriptExpr* e, Use use) {
  // In a template nothing tells which of the two is the pointer: take them as written.
  const ExprId base = translate(e->isTypeDependent() ? e->getLHS() : e->getBase(), use);
  const ExprId step = translate(e->isTypeDependent() ? e->getRHS() : e->getIdx());
  const ExprId id = make(ExprKind::Index, e->getType(), {base, step});
  if (use == Use::Access) evaluated(id, e);
  return id;
}

ExprId Translator::unary(const clang::UnaryOperator* e, Use use) {
  switch (e->getOpcode()) {
    case clang::UO_AddrOf: {
      const ExprId id = address_of(translate(e->getSubExpr(), Use::Address), e->getType());
      if (pool_[id].kind == ExprKind::AddressOf) evaluated(id, e);
      return id;
    }
    case clang::UO_Deref: {
      const ExprId id = dereference(translate(e->getSubExpr()), e->getType());
      if (use == Use::Access && pool_[id].kind != ExprKind::Function) evaluated(id, e);
      return id;
    }
    case clang::UO_PreInc:
    case clang::UO_PreDec:
    case clang::UO_PostInc:
    case clang::UO_PostDec: {
      const ExprId sub = translate(e->getSubExpr(), Use::Access);
      if (pool_[sub].kind == ExprKind::Var) evaluated(sub, e->getSubExpr());
      const Op op = e->getOpcode() == clang::UO_PreInc    ? Op::PreInc
                    : e->getOpcode() == clang::UO_PreDec  ? Op::PreDec
                    : e->getOpcode() == clang::UO_PostInc ? Op::PostInc
                                                          : Op::PostDec;
      const ExprId id = make(ExprKind::Increment, e->getType(), {sub}, op);
      evaluated(id, e);
      return id;
    }
    case clang::UO_Minus:
    case clang::UO_Not:
    case clang::UO_LNot: {
      const ExprId sub = translate(e->getSubExpr());
      const Op op = e->getOpcode() == clang::UO_Minus ? Op::Neg
                    : e->getOpcode() == clang::UO_Not ? Op::BitNot
                                                      : Op::Not;
      const Expr& operand = pool_[sub];
      if (operand.kind == ExprKind::Int && operand.value != INT64_MIN && !operand.name) {
        const i64 v = operand.value;
        return integer(op == Op::Neg ? -v : op == Op::Not ? (v == 0 ? 1 : 0) : ~v, e->getType());
      }
      const ExprId id = make(ExprKind::Unary, e->getType(), {sub}, op);
      evaluated(id, e);
      return id;
    }
    default:  // plus, __extension__, __real: the operand
      return translate(e->getSubExpr(), use);
  }
}

ExprId Translator::binary(const clang::BinaryOperator* e, Use use) {
  if (e->isAssignmentOp()) return assign(e);
  if (e->isLogicalOp()) return logical(e);
  if (e->getOpcode() == clang::BO_Comma) {
    const ExprId left = translate(e->getLHS());
    const ExprId right = translate(e->getRHS(), use);
    return make(ExprKind::Comma, e->getType(), {left, right});
  }
  const ExprId left = translate(e->getLHS());
  const ExprId right = translate(e->getRHS());
  const Op op = to_op(e->getOpcode());
  const ExprId id = op == Op::None ? make(ExprKind::Unknown, e->getType(), {left, right}, Op::None,
                                          names_.symbol(e->getOpcodeStr()))
                                   : make(ExprKind::Binary, e->getType(), {left, right}, op);
  evaluated(id, e);
  return id;
}

ExprId Translator::call_function(const clang::FunctionDecl* decl, llvm::ArrayRef<ExprId> arguments,
                                 clang::QualType type, u16 flags) {
  llvm::SmallVector<ExprId, 8> kids{function(decl, true)};
  kids.append(arguments.begin(), arguments.end());
  return make(ExprKind::Call, type, kids, Op::None, {}, 0, flags);
}

ExprId Translator::call(const clang::CallExpr* e) {
  const clang::FunctionDecl* callee = e->getDirectCallee();
  if (callee != nullptr) {
    const unsigned builtin = callee->getBuiltinID();
    if (passes_on(builtin) && e->getNumArgs() != 0) return translate(e->getArg(0));
    if (builtin == clang::Builtin::BI__builtin_constant_p ||
        builtin == clang::Builtin::BI__builtin_object_size ||
        builtin == clang::Builtin::BI__builtin_dynamic_object_size) {
      // The operand is not evaluated; what is no constant here is none.
      clang::Expr::EvalResult result;
      if (!e->isValueDependent() && !e->containsErrors() && e->EvaluateAsInt(result, names_.context()))
        return integer(to_i64(result.Val.getInt(), result.Val.getInt().isSigned()), e->getType());
      return integer(builtin == clang::Builtin::BI__builtin_constant_p ? 0 : -1, e->getType());
    }
  }
  llvm::SmallVector<ExprId, 8> kids;
  u16 flags = 0;
  unsigned first = 0;
  const auto* method = llvm::dyn_cast_or_null<clang::CXXMethodDecl>(callee);
  if (const auto* member_call = llvm::dyn_cast<clang::CXXMemberCallExpr>(e);
      member_call != nullptr && method != nullptr &&
      llvm::isa<clang::MemberExpr>(e->getCallee()->IgnoreParens())) {
    const auto* access = llvm::cast<clang::MemberExpr>(e->getCallee()->IgnoreParens());
    kids.push_back(function(method, true));
    if (method->isInstance()) {
      const ExprId object = translate(access->getBase(), access->isArrow() ? Use::Access : Use::Address);
      kids.push_back(access->isArrow()
                         ? object
                         : address_of(object, names_.context().getPointerType(access->getBase()->getType())));
      if (method->isVirtual() && !access->hasQualifier()) flags |= kVirtual;
    }
  } else if (llvm::isa<clang::CXXOperatorCallExpr>(e) && method != nullptr && method->isInstance()) {
    kids.push_back(function(method, true));
    const ExprId object = translate(e->getArg(0), Use::Address);
    kids.push_back(address_of(object, names_.context().getPointerType(e->getArg(0)->getType())));
    first = 1;
    if (method->isVirtual()) flags |= kVirtual;
  } else if (const auto* dependent =
                 llvm::dyn_cast<clang::CXXDependentScopeMemberExpr>(e->getCallee()->IgnoreParens());
             dependent != nullptr && !dependent->isImplicitAccess()) {
    // The object is the first argument here too; of the method only the name is known.
    FunctionRef ref;
    ref.name = ref.link = names_.symbol(dependent->getMember().getAsString());
    ref.is_method = true;
    kids.push_back(make(ExprKind::Function, {}, {}, Op::None, ref.name, pool_.add_function(ref), kDependent));
    const ExprId object = translate(dependent->getBase(), dependent->isArrow() ? Use::Access : Use::Address);
    kids.push_back(dependent->isArrow() ? object : address_of(object, {}));
  } else if (const auto* op = llvm::dyn_cast<clang::CXXOperatorCallExpr>(e);
             op != nullptr && callee == nullptr) {
    return dependent_operator(op);
  } else if (callee != nullptr && llvm::isa<clang::DeclRefExpr>(e->getCallee()->IgnoreParenImpCasts())) {
    // Through translate, for the macro that may have named it; it is not an address that is taken.
    const clang::Expr* name = e->getCallee()->IgnoreParenImpCasts();
    before(name);
    kids.push_back(after(name, function(callee, true)));
  } else {
    kids.push_back(translate(e->getCallee(), Use::Access));
  }
  for (unsigned i = first; i < e->getNumArgs(); ++i) {
    const clang::Expr* arg = e->getArg(i);
    kids.push_back(translate(arg, arg->isGLValue() ? Use::Address : Use::Access));
  }
  bool noreturn = callee != nullptr && callee->isNoReturn();
  bool nothrow = !names_.context().getLangOpts().CXXExceptions;
  if (callee == nullptr) {
    clang::QualType type = e->getCallee()->getType();
    if (type->isPointerType()) type = type->getPointeeType();
    if (const auto* function_type = type->getAs<clang::FunctionType>(); function_type != nullptr)
      noreturn = function_type->getNoReturnAttr();
  } else if (const auto* proto = callee->getType()->getAs<clang::FunctionProtoType>(); proto != nullptr) {
    nothrow |= callee->getBuiltinID() != 0 || callee->hasAttr<clang::NoThrowAttr>() ||
               (!clang::isUnresolvedExceptionSpec(proto->getExceptionSpecType()) && proto->isNothrow());
  }
  if (callee != nullptr) {
    const unsigned builtin = callee->getBuiltinID();
    noreturn |=
        builtin == clang::Builtin::BI__builtin_unreachable || builtin == clang::Builtin::BI__builtin_trap;
  }
  if (noreturn) flags |= kNoReturn;
  if (e->isTypeDependent()) flags |= kDependent;
  const ExprId id = make(ExprKind::Call, e->getType(), kids, Op::None, {}, 0, flags);
  if (!nothrow) may_throw(e);
  evaluated(id, e);
  if (noreturn) does_not_return();
  return id;
}

ExprId Translator::dependent_operator(const clang::CXXOperatorCallExpr* e) {
  // An operator on something whose type is not known: taken for the built-in one.
  llvm::SmallVector<ExprId, 2> kids;
  for (const clang::Expr* arg : e->arguments()) kids.push_back(translate(arg));
  ExprId id = kNoExpr;
  const clang::OverloadedOperatorKind op = e->getOperator();
  if (kids.size() == 2 && op == clang::OO_Subscript) {
    id = make(ExprKind::Index, e->getType(), kids);
  } else if (kids.size() == 2 && op != clang::OO_Call && op != clang::OO_Arrow && op != clang::OO_PlusPlus &&
             op != clang::OO_MinusMinus) {
    const clang::BinaryOperatorKind binary_op = clang::BinaryOperator::getOverloadedOpcode(op);
    if (clang::BinaryOperator::isAssignmentOp(binary_op))
      id = make(ExprKind::Assign, e->getType(), kids, to_op(binary_op));
    else if (to_op(binary_op) != Op::None)
      id = make(ExprKind::Binary, e->getType(), kids, to_op(binary_op));
  } else if (kids.size() == 1 && op == clang::OO_Star) {
    id = make(ExprKind::Deref, e->getType(), kids);
  } else if (kids.size() == 1 && op == clang::OO_Exclaim) {
    id = make(ExprKind::Unary, e->getType(), kids, Op::Not);
  }
  if (id == kNoExpr)
    id = make(ExprKind::Unknown, e->getType(), kids, Op::None, names_.symbol(clang::getOperatorSpelling(op)),
              0, kDependent);
  evaluated(id, e);
  return id;
}

ExprId Translator::construct(const clang::CXXConstructExpr* e, ExprId object_address) {
  llvm::SmallVector<ExprId, 8> kids;
  const clang::CXXConstructorDecl* ctor = e->getConstructor();
  kids.push_back(function(ctor, true));
  kids.push_back(object_address != kNoExpr
                     ? object_address
                     : make(ExprKind::Unknown, e->getType(), {}, Op::None, names_.symbol("temporary")));
  for (const clang::Expr* arg : e->arguments())
    kids.push_back(translate(arg, arg->isGLValue() ? Use::Address : Use::Access));
  const ExprId id = make(ExprKind::Construct, e->getType(), kids);
  // Building a plain struct does nothing that a rule could see.
  if (!ctor->isTrivial() || e->getNumArgs() != 0) {
    const auto* proto = ctor->getType()->getAs<clang::FunctionProtoType>();
    if (!ctor->isTrivial() && names_.context().getLangOpts().CXXExceptions && proto != nullptr &&
        !clang::isUnresolvedExceptionSpec(proto->getExceptionSpecType()) && !proto->isNothrow())
      may_throw(e);
    evaluated(id, e);
  }
  return id;
}

ExprId Translator::initialise(ExprId object, clang::QualType type, const clang::Expr* init) {
  const clang::Expr* bare = init;
  while (true) {
    if (const auto* full = llvm::dyn_cast<clang::FullExpr>(bare); full != nullptr)
      bare = full->getSubExpr();
    else if (const auto* bound = llvm::dyn_cast<clang::CXXBindTemporaryExpr>(bare); bound != nullptr)
      bare = bound->getSubExpr();  // built in place: the object's own destructor ends it
    else if (const auto* paren = llvm::dyn_cast<clang::ParenExpr>(bare); paren != nullptr)
      bare = paren->getSubExpr();
    else if (const auto* written = llvm::dyn_cast<clang::CXXDefaultInitExpr>(bare);
             written != nullptr && written->getExpr() != nullptr)
      bare = written->getExpr();
    else if (const auto* cast = llvm::dyn_cast<clang::CastExpr>(bare);
             cast != nullptr && cast->isPRValue() && type->isRecordType() &&
             cast->getSubExpr()->isPRValue() &&
             (cast->getCastKind() == clang::CK_ConstructorConversion ||
              cast->getCastKind() == clang::CK_NoOp ||
              cast->getCastKind() == clang::CK_UserDefinedConversion))
      bare = cast->getSubExpr();
    else
      break;
  }
  if (const auto* ctor = llvm::dyn_cast<clang::CXXConstructExpr>(bare);
      ctor != nullptr && !type->isReferenceType())
    return construct(ctor, address_of(object, names_.context().getPointerType(type)));
  const ExprId value =
      translate(type->isRecordType() ? bare : init, type->isReferenceType() ? Use::Address : Use::Access);
  const ExprId right = type->isReferenceType()
                           ? address_of(value, names_.context().getPointerType(type.getNonReferenceType()))
                           : value;
  const ExprId id = make(ExprKind::Assign, type, {object, right}, Op::None, {}, 0, kInit);
  evaluated(id, init);
  return id;
}

ExprId Translator::init_list(const clang::InitListExpr* e) {
  const clang::InitListExpr* form =
      e->isSemanticForm() || e->getSemanticForm() == nullptr ? e : e->getSemanticForm();
  llvm::SmallVector<ExprId, 16> kids;
  const auto* record = form->getType().isNull() ? nullptr : form->getType()->getAs<clang::RecordType>();
  if (record != nullptr && !record->getDecl()->isUnion()) {
    unsigned i = 0;
    if (const auto* cxx = llvm::dyn_cast<clang::CXXRecordDecl>(record->getDecl()); cxx != nullptr)
      i = cxx->getNumBases();
    for (unsigned base = 0; base < i && base < form->getNumInits(); ++base)
      kids.push_back(translate(form->getInit(base)));
    for (const clang::FieldDecl* field : record->getDecl()->fields()) {
      if (field->isUnnamedBitField()) continue;
      if (i >= form->getNumInits() || kids.size() >= kMostInitialisers) break;
      const clang::Expr* init = form->getInit(i++);
      if (init == nullptr || llvm::isa<clang::ImplicitValueInitExpr>(init)) continue;
      kids.push_back(make(ExprKind::Designated, field->getType(), {translate(init)}, Op::None,
                          names_.symbol(field->getName())));
    }
  } else if (const clang::FieldDecl* field = form->getInitializedFieldInUnion();
             field != nullptr && form->getNumInits() == 1) {
    kids.push_back(make(ExprKind::Designated, field->getType(), {translate(form->getInit(0))}, Op::None,
                        names_.symbol(field->getName())));
  } else {
    for (const clang::Expr* init : form->inits()) {
      if (kids.size() >= kMostInitialisers) break;
      if (init != nullptr && !llvm::isa<clang::ImplicitValueInitExpr>(init)) kids.push_back(translate(init));
    }
  }
  return make(ExprKind::InitList, form->getType(), kids);
}

ExprId Translator::new_object(const clang::CXXNewExpr* e) {
  llvm::SmallVector<ExprId, 4> kids;
  for (const clang::Expr* arg : e->placement_arguments()) translate(arg);
  if (e->isArray() && e->getArraySize() && *e->getArraySize() != nullptr) translate(*e->getArraySize());
  if (e->getInitializer() != nullptr) kids.push_back(translate(e->getInitializer()));
  const clang::FunctionDecl* operator_new = e->getOperatorNew();
  const bool nothrow =
      operator_new != nullptr && operator_new->getType()->castAs<clang::FunctionProtoType>()->isNothrow();
  if (!nothrow && names_.context().getLangOpts().CXXExceptions) may_throw(e);
  const ExprId id =
      make(ExprKind::New, e->getType(), kids, Op::None, names_.type(e->getAllocatedType()).first.spelling,
           e->getNumPlacementArgs(), e->isArray() ? kArray : 0);
  evaluated(id, e);
  return id;
}

}  // namespace quire::metal
