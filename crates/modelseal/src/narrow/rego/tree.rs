//! The parts of a rule.

use regorus::unstable::{Expr, Literal, LiteralStmt, Query, Rule, RuleHead, Span};

/// The names in a reference. As in the evaluator, an index that is no string is left out: `a[i].b` is `a.b`.
pub(super) fn path(reference: &Expr) -> Vec<String> {
    let mut names = Vec::new();
    let mut next = Some(reference);
    while let Some(expr) = next {
        next = match expr {
            Expr::RefDot { refr, field, .. } => {
                names.push(field.0.text().to_owned());
                Some(refr)
            }
            Expr::RefBrack { refr, index, .. } => {
                if let Expr::String { value, .. } = index.as_ref() {
                    names.extend(value.as_string().map(|text| text.to_string()));
                }
                Some(refr)
            }
            Expr::Var { span, .. } => {
                names.push(span.text().to_owned());
                None
            }
            _ => None,
        };
    }
    names.reverse();
    names
}

/// The names in a reference up to the first index that is no string.
pub(super) fn fixed_path(reference: &Expr) -> Vec<String> {
    let mut fixed = reference;
    let mut next = Some(reference);
    while let Some(expr) = next {
        next = match expr {
            Expr::RefDot { refr, .. } => Some(refr),
            Expr::RefBrack { refr, index, .. } => {
                if !matches!(index.as_ref(), Expr::String { .. }) {
                    fixed = refr;
                }
                Some(refr)
            }
            _ => None,
        };
    }
    path(fixed)
}

/// Where a reference begins.
pub(super) fn start(reference: &Expr) -> &Span {
    let mut first = reference;
    while let Expr::RefDot { refr, .. } | Expr::RefBrack { refr, .. } = first {
        first = refr;
    }
    first.span()
}

/// Everything in a rule.
pub(super) fn nodes(rule: &Rule) -> Vec<Node<'_>> {
    let mut pending: Vec<Node<'_>> = Vec::new();
    match rule {
        Rule::Spec { head, bodies, .. } => {
            let (assign, more): (_, &[_]) = match head {
                RuleHead::Compr { refr, assign, .. } => {
                    pending.push(Node::Expr(refr));
                    (assign.as_ref(), &[])
                }
                RuleHead::Set { refr, key, .. } => {
                    pending.push(Node::Expr(refr));
                    pending.extend(key.iter().map(|key| Node::Expr(key)));
                    (None, &[])
                }
                RuleHead::Func { args, assign, .. } => (assign.as_ref(), args),
            };
            pending.extend(assign.map(|assign| Node::Expr(&assign.value)));
            pending.extend(more.iter().map(|arg| Node::Pattern(arg)));
            for body in bodies {
                pending.extend(body.assign.iter().map(|assign| Node::Expr(&assign.value)));
                pending.push(Node::Query(&body.query));
            }
        }
        Rule::Default { args, value, .. } => {
            pending.extend(args.iter().chain([value]).map(|expr| Node::Expr(expr)));
        }
    }
    let mut found = Vec::new();
    while let Some(node) = pending.pop() {
        found.push(node);
        node.children(&mut pending);
    }
    found
}

#[derive(Clone, Copy)]
pub(super) enum Node<'a> {
    Query(&'a Query),
    Expr(&'a Expr),
    /// The name of a function that is called.
    Called(&'a Expr),
    /// What stands for something else, perhaps for a function: the last part of `with … as …`.
    Instead(&'a Expr),
    /// What is taken apart: an argument in the head of a function, the variables of `some … in`.
    Pattern(&'a Expr),
}

impl<'a> Node<'a> {
    /// What is directly below.
    pub(super) fn children(self, to: &mut Vec<Self>) {
        match self {
            Self::Expr(expr) | Self::Called(expr) | Self::Instead(expr) | Self::Pattern(expr) => below(expr, to),
            Self::Query(query) => query.stmts.iter().for_each(|statement| of_statement(statement, to)),
        }
    }
}

fn below<'a>(expr: &'a Expr, to: &mut Vec<Node<'a>>) {
    match expr {
        Expr::String { .. }
        | Expr::RawString { .. }
        | Expr::Number { .. }
        | Expr::Bool { .. }
        | Expr::Null { .. }
        | Expr::Var { .. } => {}
        Expr::Array { items, .. } | Expr::Set { items, .. } => to.extend(items.iter().map(|item| Node::Expr(item))),
        Expr::Object { fields, .. } => {
            to.extend(fields.iter().flat_map(|(_, key, value)| [Node::Expr(key), Node::Expr(value)]));
        }
        Expr::ArrayCompr { term, query, .. } | Expr::SetCompr { term, query, .. } => {
            to.extend([Node::Expr(term), Node::Query(query)]);
        }
        Expr::ObjectCompr { key, value, query, .. } => {
            to.extend([Node::Expr(key), Node::Expr(value), Node::Query(query)]);
        }
        Expr::Call { fcn, params, .. } => {
            to.push(Node::Called(fcn));
            to.extend(params.iter().map(|param| Node::Expr(param)));
        }
        Expr::UnaryExpr { expr, .. } => to.push(Node::Expr(expr)),
        Expr::RefDot { refr, .. } => to.push(Node::Expr(refr)),
        Expr::RefBrack { refr, index, .. } => to.extend([Node::Expr(refr), Node::Expr(index)]),
        Expr::BinExpr { lhs, rhs, .. }
        | Expr::BoolExpr { lhs, rhs, .. }
        | Expr::ArithExpr { lhs, rhs, .. }
        | Expr::AssignExpr { lhs, rhs, .. } => to.extend([Node::Expr(lhs), Node::Expr(rhs)]),
        Expr::Membership { key, value, collection, .. } => {
            to.extend(key.iter().chain([value, collection]).map(|expr| Node::Expr(expr)));
        }
    }
}

fn of_statement<'a>(statement: &'a LiteralStmt, to: &mut Vec<Node<'a>>) {
    match &statement.literal {
        Literal::SomeVars { .. } => {}
        Literal::SomeIn { key, value, collection, .. } => {
            to.extend(key.iter().chain([value]).map(|expr| Node::Pattern(expr)));
            to.push(Node::Expr(collection));
        }
        Literal::Expr { expr, .. } | Literal::NotExpr { expr, .. } => to.push(Node::Expr(expr)),
        Literal::Every { domain, query, .. } => to.extend([Node::Expr(domain), Node::Query(query)]),
    }
    for with in &statement.with_mods {
        to.extend([Node::Expr(&with.refr), Node::Instead(&with.r#as)]);
    }
}
