-- The keys of pictures and cameras, which version 0.1.0 stored, are in no copy either.
UPDATE attributes SET text = json_remove(text, '$.access_token', '$.entity_picture', '$.entity_picture_local')
    WHERE (instr(text, 'access_token') OR instr(text, 'entity_picture')) AND json_valid(text);
