-- Whether two doubles are the same, but for 1e-9 relative to values above one.
CREATE FUNCTION pg_temp.near(a double precision, b double precision) RETURNS boolean
    IMMUTABLE LANGUAGE sql AS
$$
    SELECT CASE WHEN a IS NULL OR b IS NULL THEN a IS NULL AND b IS NULL
                ELSE abs(a - b) <= 1e-9 * greatest(1, abs(a), abs(b)) END
$$
