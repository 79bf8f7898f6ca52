/* segments/paths.c - names of hidden columns: the column's own, a byte that no name of Druid's has,
 * and the path. */
#include "weir/paths.h"

static weir_str hidden_name(weir_arena *arena, weir_str column, char mark, weir_str rest)
{
    char *name = weir_arena_alloc(arena, column.size + 2 + rest.size);
    memcpy(name, column.at, column.size);
    name[column.size] = '\001';
    name[column.size + 1] = mark;
    if (rest.size) {
        memcpy(name + column.size + 2, rest.at, rest.size);
    }
    return (weir_str){name, column.size + 2 + rest.size};
}

weir_str weir_path_column_name(weir_arena *arena, weir_str column, weir_str path, bool array)
{
    return hidden_name(arena, column, array ? 'a' : 's', path);
}

weir_str weir_path_rest_name(weir_arena *arena, weir_str column)
{
    return hidden_name(arena, column, 'r', (weir_str){0});
}

bool weir_path_is_hidden(weir_str name)
{
    return name.size > 0 && memchr(name.at, '\001', name.size);
}

bool weir_path_is_of(weir_str name, weir_str column)
{
    return name.size > column.size && name.at[column.size] == '\001' &&
           weir_str_starts(name, column);
}

bool weir_path_is_root(weir_str name, weir_str *column, bool *array)
{
    if (name.size < 3 || name.at[name.size - 1] != '$' || name.at[name.size - 3] != '\001') {
        return false;
    }
    *array = name.at[name.size - 2] == 'a';
    *column = (weir_str){name.at, name.size - 3};
    return true;
}
