-- The rows of the table permissions, which the migrations write, in the form of catalogue.sql.
SELECT format('permission %s', name),
       CASE WHEN ownable THEN 'of rows that have owners' ELSE 'of rows that have none' END
  FROM public.permissions
