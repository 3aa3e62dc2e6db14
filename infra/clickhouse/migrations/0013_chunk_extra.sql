-- What a chunk said that sensor_chunks has no column for, so that an export loses nothing. '' for nearly all.

ALTER TABLE rtm.chunk_admissions ADD COLUMN IF NOT EXISTS extra String DEFAULT '' CODEC(ZSTD(3))
    COMMENT 'other CloudEvents attributes and unknown fields of its data, JSON text; \'\' without';
