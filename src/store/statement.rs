//! Statements written out, for those that run with each request: every connection keeps them compiled. Diesel has
//! an `update` compiled anew at each run, which takes longer than the run.

/// Declares a statement with its values: texts, each followed by a value of the given SQL type.
macro_rules! statement {
    (
        $(#[$about:meta])*
        $name:ident { $($field:ident: $type:ty),+ }
        $($text:literal $value:ident as $sql:ident),+ $(,)?
    ) => {
        $(#[$about])*
        #[derive(::diesel::query_builder::QueryId)]
        struct $name {
            $($field: $type),+
        }

        impl<DB> ::diesel::query_builder::QueryFragment<DB> for $name
        where
            DB: ::diesel::backend::Backend $(+ ::diesel::sql_types::HasSqlType<::diesel::sql_types::$sql>)+,
            i64: ::diesel::serialize::ToSql<::diesel::sql_types::BigInt, DB>,
            String: ::diesel::serialize::ToSql<::diesel::sql_types::Text, DB>,
            $crate::oauth::secret::SecretHash: ::diesel::serialize::ToSql<::diesel::sql_types::Binary, DB>,
        {
            fn walk_ast<'b>(
                &'b self,
                mut out: ::diesel::query_builder::AstPass<'_, 'b, DB>,
            ) -> ::diesel::result::QueryResult<()> {
                $(
                    out.push_sql($text);
                    out.push_bind_param::<::diesel::sql_types::$sql, _>(&self.$value)?;
                )+
                Ok(())
            }
        }

        impl<C> ::diesel::query_dsl::RunQueryDsl<C> for $name {}
    };
}
pub(super) use statement;
