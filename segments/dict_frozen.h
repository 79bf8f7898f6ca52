/* segments/dict_frozen.h - a sorted dictionary in a frozen file: front-coded with a restart every
 * 16 values, then LZ4 in blocks of about 16 KiB (HC when thorough). Comments of lineitem: 140 MB ->
 * 34 MB (HC 30). A directory names each block and its first value, so that a search opens one
 * block. Opened blocks are kept while they are few (4 MiB a dictionary, 64 MiB a process), else
 * they live in the caller's scratch. Immutable once opened: any thread. */
#ifndef SEGMENTS_DICT_FROZEN_H
#define SEGMENTS_DICT_FROZEN_H
#include "compute/vec.h"
#include "segments/format.h"
#include "weir/buf.h"

/* Writes values[1..count) (sorted, distinct). `put` appends a block to the file and gives its
 * place. The directory is appended to `directory`. */
typedef bool (*weir_block_put)(void *self, weir_str bytes, weir_block_ref *out, weir_error *err);
bool weir_dict_frozen_write(const weir_str *values, uint32_t count, bool thorough,
                            weir_block_put put, void *self, weir_buf *directory,
                            uint64_t *value_bytes, weir_error *err);

typedef struct weir_dict_frozen weir_dict_frozen;
/* `owner`: for errors ("segment 'x', column 'y'"), copied. `file`: the whole segment; `directory`
 * inside it, its checksum already checked. NULL: the directory is not sound. Checksums of the
 * blocks are not looked at here. */
weir_dict_frozen *weir_dict_frozen_open(const char *owner, weir_str file, weir_str directory,
                                        uint32_t count);
/* One whose bytes come later. `load(self)` is asked before anything is read, by any thread: it
 * makes all bytes readable and checked, and calls weir_dict_frozen_fill; it is quick when it did so
 * before. A search for which it fails has no way to say so: *lost becomes true, and all that was
 * concluded from the dictionary is worth nothing. */
weir_dict_frozen *weir_dict_frozen_later(const char *owner, weir_str file, uint32_t count,
                                         bool (*load)(void *self, weir_error *err), void *self,
                                         _Atomic bool *lost);
/* Opens the directory of such a one; more than once is fine. False: it is not sound. */
bool weir_dict_frozen_fill(weir_dict_frozen *dict, weir_str directory);
void weir_dict_frozen_free(weir_dict_frozen *dict);
const weir_dict *weir_dict_frozen_dict(const weir_dict_frozen *dict);
/* Every block's checksum; false: *block is the first damaged one. find and lower_bound cannot say
 * that a block is damaged, so this comes first. */
bool weir_dict_frozen_check(const weir_dict_frozen *dict, uint32_t *block);
weir_block_ref weir_dict_frozen_block(const weir_dict_frozen *dict, uint32_t block); /* its place */
/* Every value decodes, they ascend and are distinct. */
bool weir_dict_frozen_verify(const weir_dict_frozen *dict, weir_error *err);
/* In the file, directory included. One that is not filled: 0. */
uint64_t weir_dict_frozen_bytes(const weir_dict_frozen *dict);
uint32_t weir_dict_frozen_blocks(const weir_dict_frozen *dict);
uint64_t weir_dict_frozen_kept_bytes(void); /* opened blocks of the process */
#endif
