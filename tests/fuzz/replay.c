/* Gives every file of the folders named to a fuzz target once: what fuzzing found stays found, in builds without a fuzzer. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *folder)
{
    DIR *dir = opendir(folder);
    int count = 0;
    for (struct dirent *e = dir ? readdir(dir) : NULL; e; e = readdir(dir)) {
        char path[4096];
        struct stat info;
        snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
        FILE *file = stat(path, &info) == 0 && S_ISREG(info.st_mode) ? fopen(path, "re") : NULL;
        if (!file) {
            continue;
        }
        uint8_t *bytes = malloc((size_t)info.st_size + 1);
        size_t size = bytes ? fread(bytes, 1, (size_t)info.st_size, file) : 0;
        fclose(file);
        LLVMFuzzerTestOneInput(bytes, size);
        free(bytes);
        count++;
    }
    if (dir) {
        closedir(dir);
    }
    return count;
}

int main(int argc, char **argv)
{
    int count = 0;
    for (int i = 1; i < argc; i++) {
        count += replay(argv[i]);
    }
    printf("%d inputs\n", count);
    return count == 0;
}
