-- Attributes are stored with the fields that some of them become, which columns.py adds: there may be fields without a
-- text. What no version stores any more, the keys of pictures and cameras, goes from the old texts.

CREATE TABLE attributes_2 (id INTEGER PRIMARY KEY, text TEXT);  -- id: a 64-bit hash of the rest
INSERT INTO attributes_2 SELECT id, CASE
    WHEN NOT (instr(text, 'access_token') OR instr(text, 'entity_picture')) OR NOT json_valid(text) THEN text
    ELSE json_remove(text, '$.access_token', '$.entity_picture', '$.entity_picture_local')
END FROM attributes;
DROP TABLE attributes;
ALTER TABLE attributes_2 RENAME TO attributes;
