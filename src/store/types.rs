//! How types of the vocabulary stand in columns.

use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::Binary;

use crate::oauth::secret::SecretHash;

/// Lends Diesel's derives to the type of the vocabulary, which does not know Diesel.
#[derive(AsExpression, FromSqlRow)]
#[diesel(foreign_derive, sql_type = Binary)]
#[allow(dead_code)]
struct SecretHashColumn(SecretHash);

impl<DB: Backend> ToSql<Binary, DB> for SecretHash
where
    [u8]: ToSql<Binary, DB>,
{
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
        <[u8] as ToSql<Binary, DB>>::to_sql(&self.0, out)
    }
}

impl<DB: Backend> FromSql<Binary, DB> for SecretHash
where
    Vec<u8>: FromSql<Binary, DB>,
{
    fn from_sql(bytes: DB::RawValue<'_>) -> deserialize::Result<Self> {
        let bytes = <Vec<u8> as FromSql<Binary, DB>>::from_sql(bytes)?;
        let bytes =
            <[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| "a stored hash is not 32 bytes long")?;
        Ok(Self(bytes))
    }
}
