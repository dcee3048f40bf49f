-- How far each input was imported. An input is known by its first line, and proved to be the same one by a digest of
-- everything that was imported of it, so neither its name nor its age matters, and it may have grown.
CREATE TABLE IF NOT EXISTS refold.imports (
    log text NOT NULL,
    first_line bigint NOT NULL,
    bytes bigint NOT NULL,
    lines bigint NOT NULL,
    digest bigint NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (log, first_line)
);
