use std::cmp::Ordering;

use chrono::{DateTime, Utc};
use kernel::Error;

use super::Actor;
use crate::commands::Cx;
use crate::domain::account::Account;
use crate::error;
use crate::postgres::users;

const DEFAULT_LIMIT: u32 = 100;
const MAX_LIMIT: u32 = 1000;

/// A field of a user that can be sorted and filtered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Id,
    Name,
    Email,
    EmailVerified,
    Role,
    Banned,
    CreatedAt,
    UpdatedAt,
}

/// A field's value, comparable within its kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Value {
    Text(String),
    Flag(bool),
    Time(DateTime<Utc>),
}

/// How a value is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Eq,
    Ne,
    Lt,
    Lte,
    Gt,
    Gte,
    In,
    NotIn,
    Contains,
    StartsWith,
    EndsWith,
}

/// A page of users, as the Better-Auth contract asks for it (section 8).
#[derive(Debug, Default)]
pub(crate) struct ListUsers {
    pub(crate) search_value: String,
    pub(crate) search_field: String,
    pub(crate) search_operator: String,
    pub(crate) limit: u32,
    pub(crate) offset: u32,
    pub(crate) sort_by: String,
    pub(crate) descending: bool,
    pub(crate) filter_field: String,
    pub(crate) filter_operator: String,
    pub(crate) filter_values: Vec<String>,
}

/// Users that match, and how many they are.
///
/// Names and addresses are sealed, so the table cannot search them: every row is opened here. That
/// is some ten microseconds a user, for administrators only.
pub(crate) async fn list_users(
    cx: &Cx,
    actor: &Actor,
    query: ListUsers,
) -> Result<(Vec<Account>, usize), Error> {
    actor.check(cx).await?;
    let search = Search::parse(&query)?;
    let filter = Filter::parse(&query)?;
    let sort = if query.sort_by.is_empty() { Field::CreatedAt } else { Field::parse(&query.sort_by)? };
    let now = cx.clock.now();
    let mut found: Vec<Account> = users::all(cx.store.pool(), &cx.vault)
        .await?
        .into_iter()
        .filter(|account| search.as_ref().is_none_or(|search| search.matches(account)))
        .filter(|account| filter.as_ref().is_none_or(|filter| filter.matches(account, now)))
        .collect();
    found.sort_by(|a, b| {
        let order = sort.value(a, now).cmp(&sort.value(b, now));
        let order = if query.descending { order.reverse() } else { order };
        order.then_with(|| a.id.cmp(&b.id))
    });
    let total = found.len();
    let limit = if query.limit == 0 { DEFAULT_LIMIT } else { query.limit.min(MAX_LIMIT) };
    let page = found.into_iter().skip(query.offset as usize).take(limit as usize).collect();
    Ok((page, total))
}

struct Search {
    field: Field,
    operator: Operator,
    value: String,
}

impl Search {
    fn parse(query: &ListUsers) -> Result<Option<Self>, Error> {
        if query.search_value.is_empty() {
            return Ok(None);
        }
        let field = match query.search_field.as_str() {
            "" | "email" => Field::Email,
            "name" => Field::Name,
            _ => return Err(error::invalid_query("searchField")),
        };
        let operator = match query.search_operator.as_str() {
            "" | "contains" => Operator::Contains,
            "starts_with" => Operator::StartsWith,
            "ends_with" => Operator::EndsWith,
            _ => return Err(error::invalid_query("searchOperator")),
        };
        Ok(Some(Self { field, operator, value: query.search_value.to_lowercase() }))
    }

    fn matches(&self, account: &Account) -> bool {
        let text = if self.field == Field::Name { &account.name } else { &account.email };
        self.operator.of_texts(&text.to_lowercase(), &self.value)
    }
}

struct Filter {
    field: Field,
    operator: Operator,
    values: Vec<Value>,
}

impl Filter {
    fn parse(query: &ListUsers) -> Result<Option<Self>, Error> {
        if query.filter_field.is_empty() || query.filter_values.is_empty() {
            return Ok(None);
        }
        let field = Field::parse(&query.filter_field)?;
        let operator = Operator::parse(&query.filter_operator)?;
        let values: Result<Vec<Value>, Error> =
            query.filter_values.iter().map(|text| field.parse_value(text)).collect();
        Ok(Some(Self { field, operator, values: values? }))
    }

    fn matches(&self, account: &Account, now: DateTime<Utc>) -> bool {
        let found = self.field.value(account, now);
        let Some(first) = self.values.first() else { return true };
        let order = found.cmp(first);
        match self.operator {
            Operator::Eq => order == Ordering::Equal,
            Operator::Ne => order != Ordering::Equal,
            Operator::Lt => order == Ordering::Less,
            Operator::Lte => order != Ordering::Greater,
            Operator::Gt => order == Ordering::Greater,
            Operator::Gte => order != Ordering::Less,
            Operator::In => self.values.contains(&found),
            Operator::NotIn => !self.values.contains(&found),
            Operator::Contains | Operator::StartsWith | Operator::EndsWith => match (&found, first) {
                (Value::Text(found), Value::Text(wanted)) => self.operator.of_texts(found, wanted),
                _ => false,
            },
        }
    }
}

impl Operator {
    fn parse(text: &str) -> Result<Self, Error> {
        Ok(match text {
            "" | "eq" => Self::Eq,
            "ne" => Self::Ne,
            "lt" => Self::Lt,
            "lte" => Self::Lte,
            "gt" => Self::Gt,
            "gte" => Self::Gte,
            "in" => Self::In,
            "not_in" => Self::NotIn,
            "contains" => Self::Contains,
            "starts_with" => Self::StartsWith,
            "ends_with" => Self::EndsWith,
            _ => return Err(error::invalid_query("filterOperator")),
        })
    }

    fn of_texts(self, found: &str, wanted: &str) -> bool {
        match self {
            Self::StartsWith => found.starts_with(wanted),
            Self::EndsWith => found.ends_with(wanted),
            _ => found.contains(wanted),
        }
    }
}

impl Field {
    fn parse(text: &str) -> Result<Self, Error> {
        Ok(match text {
            "id" => Self::Id,
            "name" => Self::Name,
            "email" => Self::Email,
            "emailVerified" => Self::EmailVerified,
            "role" => Self::Role,
            "banned" => Self::Banned,
            "createdAt" => Self::CreatedAt,
            "updatedAt" => Self::UpdatedAt,
            _ => return Err(error::invalid_query("field")),
        })
    }

    fn value(self, account: &Account, now: DateTime<Utc>) -> Value {
        match self {
            Self::Id => Value::Text(account.id.to_string()),
            Self::Name => Value::Text(account.name.clone()),
            Self::Email => Value::Text(account.email.clone()),
            Self::EmailVerified => Value::Flag(account.email_verified),
            Self::Role => Value::Text(account.role.to_string()),
            Self::Banned => Value::Flag(account.banned(now).is_some()),
            Self::CreatedAt => Value::Time(account.created_at),
            Self::UpdatedAt => Value::Time(account.updated_at),
        }
    }

    fn parse_value(self, text: &str) -> Result<Value, Error> {
        let invalid = || error::invalid_query("filterValue");
        match self {
            Self::Id | Self::Name | Self::Role => Ok(Value::Text(text.to_owned())),
            Self::Email => Ok(Value::Text(text.to_lowercase())),
            Self::EmailVerified | Self::Banned => text.parse().map(Value::Flag).map_err(|_| invalid()),
            Self::CreatedAt | Self::UpdatedAt => text.parse().map(Value::Time).map_err(|_| invalid()),
        }
    }
}

#[cfg(test)]
mod tests {
    use kernel::{Role, UserId};

    use super::*;

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn account() -> Account {
        let account = Account::new(UserId::from("u1"), "ada@example.com".to_owned(), "Ada".to_owned(), NOW);
        Account { role: Role::Instructor, ..account }
    }

    fn matches(field: &str, operator: &str, values: &[&str]) -> bool {
        let query = ListUsers {
            filter_field: field.to_owned(),
            filter_operator: operator.to_owned(),
            filter_values: values.iter().map(|value| (*value).to_owned()).collect(),
            ..ListUsers::default()
        };
        Filter::parse(&query).unwrap().is_none_or(|filter| filter.matches(&account(), NOW))
    }

    #[test]
    fn every_operator_of_the_contract_filters() {
        for (field, operator, values, expected) in [
            ("role", "eq", &["instructor"][..], true),
            ("role", "", &["student"], false),
            ("role", "ne", &["student"], true),
            ("role", "in", &["student", "instructor"], true),
            ("role", "not_in", &["student", "instructor"], false),
            ("createdAt", "lt", &["1970-01-01T00:00:01Z"], true),
            ("createdAt", "lte", &["1970-01-01T00:00:00.000Z"], true),
            ("createdAt", "gt", &["1970-01-01T00:00:00Z"], false),
            ("createdAt", "gte", &["1970-01-01T00:00:00Z"], true),
            ("email", "contains", &["@EXAMPLE"], true),
            ("email", "starts_with", &["bob"], false),
            ("name", "ends_with", &["da"], true),
            ("emailVerified", "eq", &["false"], true),
            ("banned", "eq", &["true"], false),
            ("", "eq", &["x"], true),
        ] {
            assert_eq!(matches(field, operator, values), expected, "{field} {operator} {values:?}");
        }
    }

    #[test]
    fn what_cannot_be_filtered_by_is_said() {
        for (field, operator, value) in [
            ("password", "eq", "x"),
            ("role", "like", "x"),
            ("createdAt", "eq", "today"),
            ("banned", "eq", "1"),
        ] {
            let query = ListUsers {
                filter_field: field.to_owned(),
                filter_operator: operator.to_owned(),
                filter_values: vec![value.to_owned()],
                ..ListUsers::default()
            };
            assert!(Filter::parse(&query).is_err(), "{field} {operator} {value}");
        }
    }

    #[test]
    fn a_search_ignores_case() {
        let search = |field: &str, operator: &str, value: &str| {
            let query = ListUsers {
                search_value: value.to_owned(),
                search_field: field.to_owned(),
                search_operator: operator.to_owned(),
                ..ListUsers::default()
            };
            Search::parse(&query).unwrap().unwrap().matches(&account())
        };
        assert!(search("", "", "ADA@"));
        assert!(search("name", "starts_with", "a"));
        assert!(!search("email", "ends_with", "ada"));
    }
}
