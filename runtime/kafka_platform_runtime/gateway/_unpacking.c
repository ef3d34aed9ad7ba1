/* A bound on what librdkafka unpacks.
 *
 * A Kafka batch of 1 MiB unpacks to 1 GiB if its writer wants. librdkafka bounds that only for zstd: for gzip, lz4 and
 * snappy it allocates whatever comes out. Here its calls of malloc and the like are routed through this file (via the table
 * of addresses that the dynamic linker has filled in). The few places in its code that allocate room for unpacking are
 * learned from known batches (unpacking.py), and only allocations from there are counted and bounded.
 *
 * A refused allocation must fail in a way that librdkafka expects:
 * - where more is allocated before unpacking begins (gzip, zstd, lz4), that allocation fails: the batch counts as damaged;
 * - elsewhere (snappy, an lz4 buffer that grows), it unpacks into room whose pages, except the first, are the same few,
 *   and then finds at its beginning records that report the refusal, and nothing behind them.
 */

#define _GNU_SOURCE
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum {
    COUNTED_FROM = 64 * 1024,   /* smaller ones are ignored */
    MAPPED_FROM = 512 * 1024,
    SITES = 32,                 /* places in librdkafka */
    BUCKETS = 1024, SLOTS = 8,  /* known allocations; further ones are not counted */
    SHARED = 4 << 20,           /* bytes behind everything that is refused */
    OWN = 4096,                 /* bytes at its beginning that are not shared, and that its reader sees */
    NOTICE = 2048               /* maximum bytes of the records that report a refusal */
};

typedef enum { FAILS_NEXT = 1, POISONS = 2 } Way;
typedef enum { GRANTED, TOO_LARGE, NO_ROOM } Answer;

typedef struct {
    char *room;
    size_t span;
    Answer why;
    _Atomic int holders; /* the thread that unpacks, and whatever frees the room: the records in it may live longer */
} Refused;

static _Atomic uintptr_t site_at[SITES];
static Way site_way[SITES];
static _Atomic size_t learn_from;
static Way learn_malloc, learn_realloc;

static _Atomic uintptr_t key[BUCKETS][SLOTS];
static size_t size_of[BUCKETS][SLOTS];      /* of real ones */
static Refused *refused_at[BUCKETS][SLOTS]; /* otherwise NULL */

static _Atomic size_t used, limit = SIZE_MAX, total = SIZE_MAX, response = SIZE_MAX;
static _Atomic long known, too_large, no_room, wait_milliseconds;
static int shared_file = -1;
static char notice[NO_ROOM + 1][NOTICE];
static size_t notice_bytes[NO_ROOM + 1];

static __thread size_t in_response; /* unpacked since this thread waited for Kafka */
static __thread void *failing;     /* the next allocation of this thread fails until this is freed */
static __thread Refused *poisoned; /* the beginning of this is overwritten at each allocation until it is freed */
static pthread_key_t ends;         /* the same, for the end of the thread */

static bool find(void *pointer, int *bucket, int *slot) {
    uintptr_t address = (uintptr_t)pointer;
    *bucket = (int)((address >> 12 ^ address >> 22) % BUCKETS);
    for (*slot = 0; *slot < SLOTS; ++*slot)
        if (atomic_load_explicit(&key[*bucket][*slot], memory_order_acquire) == address) return true;
    return false;
}

static void let_go(Refused *refused) {
    if (atomic_fetch_sub(&refused->holders, 1) != 1) return;
    munmap(refused->room, refused->span);
    free(refused);
}

static void poison(Refused *refused) {
    if (poisoned != NULL) let_go(poisoned);
    poisoned = refused;
    pthread_setspecific(ends, refused);
}

static void ended(void *refused) { let_go(refused); }

static bool remember(void *pointer, size_t size, Refused *refused) {
    int bucket, slot;
    find(pointer, &bucket, &slot);
    for (slot = 0; slot < SLOTS; slot++) {
        uintptr_t none = 0;
        if (atomic_compare_exchange_strong(&key[bucket][slot], &none, 1)) {
            size_of[bucket][slot] = size;
            refused_at[bucket][slot] = refused;
            atomic_store_explicit(&key[bucket][slot], (uintptr_t)pointer, memory_order_release);
            atomic_fetch_add(&known, 1);
            return true;
        }
    }
    return false;
}

/* Nobody takes a response's contents before all of it is unpacked: only its first batch may wait for room. */
static Answer reserve(size_t size) {
    if (size > atomic_load(&limit)) {
        atomic_fetch_add(&too_large, 1);
        return TOO_LARGE;
    }
    bool may_wait = in_response == 0;
    for (long waited = 0; may_wait || in_response + size <= atomic_load(&response); waited += 5) {
        size_t before = atomic_load(&used);
        while (before + size <= atomic_load(&total))
            if (atomic_compare_exchange_weak(&used, &before, before + size)) {
                in_response += size;
                return GRANTED;
            }
        if (!may_wait || waited >= atomic_load(&wait_milliseconds)) break;
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
    atomic_fetch_add(&no_room, 1);
    return NO_ROOM;
}

static void *refuse(size_t size, Way way, Answer why) {
    Refused *refused = malloc(sizeof *refused);
    if (refused == NULL) return NULL;
    size_t span = (size + SHARED - 1) / SHARED * SHARED;
    char *room = mmap(NULL, span, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (room == MAP_FAILED) {
        free(refused);
        return NULL;
    }
    *refused = (Refused){.room = room, .span = span, .why = why, .holders = 1};
    if (way == POISONS)
        for (size_t at = 0; at < span; at += SHARED) {
            size_t own = at == 0 ? OWN : 0;
            if (mmap(room + at + own, SHARED - own, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, shared_file, (off_t)own)
                == MAP_FAILED) {
                let_go(refused);
                return NULL;
            }
        }
    if (!remember(room, 0, refused)) {
        let_go(refused);
        return NULL;
    }
    if (way == FAILS_NEXT) failing = room;
    else {
        atomic_fetch_add(&refused->holders, 1);
        poison(refused);
    }
    return room;
}

static void *unpacked(size_t size, Way way) {
    Answer answer = reserve(size);
    if (answer != GRANTED) return refuse(size, way, answer);
    void *room = malloc(size);
    if (room == NULL || !remember(room, size, NULL)) atomic_fetch_sub(&used, size);
    return room;
}

static Way site(void *place, size_t size, Way learned) {
    size_t from = atomic_load_explicit(&learn_from, memory_order_relaxed);
    for (int number = 0; number < SITES; number++) {
        uintptr_t there = atomic_load_explicit(&site_at[number], memory_order_acquire);
        if (there == (uintptr_t)place) return site_way[number];
        if (there == 0) {
            if (from != 0 && size >= from && learned != 0) {
                site_way[number] = learned;
                atomic_store_explicit(&site_at[number], (uintptr_t)place, memory_order_release);
            }
            return 0;
        }
    }
    return 0;
}

static inline bool troubled(void) {
    if (poisoned != NULL) {
        if (atomic_load(&poisoned->holders) == 1) poison(NULL);
        else if (memcmp(poisoned->room, notice[poisoned->why], notice_bytes[poisoned->why]) != 0) {
            memset(poisoned->room, 0xff, OWN); /* not a valid record length */
            memcpy(poisoned->room, notice[poisoned->why], notice_bytes[poisoned->why]);
        }
    }
    return failing != NULL;
}

static void *our_malloc(size_t size) {
    if (troubled()) return NULL;
    if (size >= COUNTED_FROM) {
        Way way = site(__builtin_return_address(0), size, learn_malloc);
        if (way != 0) return unpacked(size, way);
    }
    return malloc(size);
}

static void *our_calloc(size_t count, size_t size) { return troubled() ? NULL : calloc(count, size); }

static void forget(int bucket, int slot) {
    size_t size = size_of[bucket][slot];
    atomic_store_explicit(&key[bucket][slot], 0, memory_order_release);
    atomic_fetch_sub(&known, 1);
    atomic_fetch_sub(&used, size);
    in_response -= size < in_response ? size : in_response; /* a guess that was too small */
}

static void our_free(void *pointer) {
    int bucket, slot;
    if (atomic_load_explicit(&known, memory_order_relaxed) != 0 && pointer != NULL && find(pointer, &bucket, &slot)) {
        Refused *refused = refused_at[bucket][slot];
        forget(bucket, slot);
        if (refused != NULL) {
            if (failing == pointer) failing = NULL;
            if (poisoned == refused) poison(NULL);
            let_go(refused);
            return;
        }
    }
    free(pointer);
}

static void *our_realloc(void *pointer, size_t size) {
    int bucket, slot;
    if (troubled() && pointer == NULL) return NULL;
    bool is_known = pointer != NULL && atomic_load_explicit(&known, memory_order_relaxed) != 0
        && find(pointer, &bucket, &slot);
    Way way = size >= COUNTED_FROM ? site(__builtin_return_address(0), size, learn_realloc) : 0;
    if (way == 0 && !is_known) return realloc(pointer, size);
    if (is_known && refused_at[bucket][slot] != NULL) { /* nothing needs to be kept */
        Answer why = refused_at[bucket][slot]->why;
        if (size <= refused_at[bucket][slot]->span) return pointer;
        our_free(pointer);
        return refuse(size, POISONS, why);
    }
    if (is_known) forget(bucket, slot);
    Answer answer = reserve(size);
    if (answer != GRANTED) {
        free(pointer);
        return refuse(size, POISONS, answer);
    }
    void *room = realloc(pointer, size);
    if (room == NULL || !remember(room, size, NULL)) atomic_fetch_sub(&used, size);
    return room;
}

static int our_poll(struct pollfd *files, nfds_t count, int milliseconds) {
    in_response = 0;
    return poll(files, count, milliseconds);
}

/* The table of addresses. */

static int visit(struct dl_phdr_info *object, size_t size, void *found) {
    (void)size;
    if (object->dlpi_name == NULL || strstr(object->dlpi_name, "librdkafka") == NULL) return 0;
    const ElfW(Sym) *symbols = NULL;
    const char *names = NULL;
    const ElfW(Rela) *entries = NULL;
    size_t bytes = 0;
    for (int number = 0; number < object->dlpi_phnum; number++) {
        if (object->dlpi_phdr[number].p_type != PT_DYNAMIC) continue;
        const ElfW(Dyn) *each = (const void *)(object->dlpi_addr + object->dlpi_phdr[number].p_vaddr);
        for (; each->d_tag != DT_NULL; each++) {
            if (each->d_tag == DT_SYMTAB) symbols = (const void *)each->d_un.d_ptr;
            if (each->d_tag == DT_STRTAB) names = (const void *)each->d_un.d_ptr;
            if (each->d_tag == DT_JMPREL) entries = (const void *)each->d_un.d_ptr;
            if (each->d_tag == DT_PLTRELSZ) bytes = each->d_un.d_val;
        }
    }
    if (symbols == NULL || names == NULL || entries == NULL) return 0;
    const struct { const char *name; void *ours; } wanted[] = {
        {"malloc", our_malloc}, {"calloc", our_calloc}, {"realloc", our_realloc}, {"free", our_free},
        {"poll", our_poll}};
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    for (size_t number = 0; number < bytes / sizeof *entries; number++) {
        const char *name = names + symbols[ELF64_R_SYM(entries[number].r_info)].st_name;
        for (size_t other = 0; other < sizeof wanted / sizeof *wanted; other++) {
            if (strcmp(name, wanted[other].name) != 0) continue;
            void **place = (void **)(object->dlpi_addr + entries[number].r_offset);
            void *start = (void *)((uintptr_t)place / page * page);
            if (mprotect(start, page, PROT_READ | PROT_WRITE) != 0) return 0;
            *place = wanted[other].ours;
            ++*(int *)found;
        }
    }
    return 1;
}

static PyObject *install(PyObject *self, PyObject *none) {
    (void)self, (void)none;
    if (shared_file < 0) {
        shared_file = memfd_create("refused", MFD_CLOEXEC);
        if (shared_file < 0 || ftruncate(shared_file, SHARED) != 0) return PyErr_SetFromErrno(PyExc_OSError);
        if ((errno = pthread_key_create(&ends, ended)) != 0) return PyErr_SetFromErrno(PyExc_OSError);
    }
    /* Large blocks go back to the system when they are freed: otherwise each thread keeps the most that it ever held. */
    mallopt(M_MMAP_THRESHOLD, MAPPED_FROM);
    int found = 0;
    dl_iterate_phdr(visit, &found);
    return PyBool_FromLong(found >= 5);
}

static PyObject *learn(PyObject *self, PyObject *arguments) {
    (void)self;
    Py_ssize_t from;
    int by_malloc, by_realloc;
    if (!PyArg_ParseTuple(arguments, "nii", &from, &by_malloc, &by_realloc)) return NULL;
    learn_malloc = (Way)by_malloc;
    learn_realloc = (Way)by_realloc;
    atomic_store(&learn_from, (size_t)from);
    int count = 0;
    while (count < SITES && atomic_load(&site_at[count]) != 0) count++;
    return PyLong_FromLong(count);
}

static PyObject *bound(PyObject *self, PyObject *arguments) {
    (void)self;
    Py_ssize_t most, all, of_response, bytes[2];
    long milliseconds;
    const char *text[2];
    if (!PyArg_ParseTuple(arguments, "nnnly#y#", &most, &all, &of_response, &milliseconds, &text[0], &bytes[0], &text[1],
                          &bytes[1]))
        return NULL;
    for (int number = 0; number < 2; number++) {
        if (bytes[number] > NOTICE) return PyErr_Format(PyExc_ValueError, "a notice has at most %d bytes", NOTICE);
        memcpy(notice[TOO_LARGE + number], text[number], (size_t)bytes[number]);
        notice_bytes[TOO_LARGE + number] = (size_t)bytes[number];
    }
    atomic_store(&limit, (size_t)most);
    atomic_store(&total, (size_t)all);
    atomic_store(&response, (size_t)of_response);
    atomic_store(&wait_milliseconds, milliseconds);
    Py_RETURN_NONE;
}

static PyObject *count(PyObject *self, PyObject *number) {
    (void)self;
    Py_ssize_t bytes = PyLong_AsSsize_t(number);
    if (bytes == -1 && PyErr_Occurred()) return NULL;
    atomic_fetch_add(&used, (size_t)bytes);
    Py_RETURN_NONE;
}

static PyObject *state(PyObject *self, PyObject *none) {
    (void)self, (void)none;
    return Py_BuildValue("nll", (Py_ssize_t)atomic_load(&used), atomic_load(&too_large), atomic_load(&no_room));
}

static PyObject *trim(PyObject *self, PyObject *none) {
    (void)self;
    (void)none;
    Py_BEGIN_ALLOW_THREADS
    malloc_trim(0);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

static PyObject *allocated(PyObject *self, PyObject *none) {
    (void)self;
    (void)none;
    struct mallinfo2 info = mallinfo2();
    return PyLong_FromSize_t(info.uordblks + info.hblkhd);
}

static PyMethodDef methods[] = {
    {"install", install, METH_NOARGS, "Lead librdkafka's allocations through here; whether that is possible."},
    {"learn", learn, METH_VARARGS, "learn(least, way of malloc, way of realloc): note who asks for that much; 0 ends it."},
    {"bound", bound, METH_VARARGS, "bound(bytes of one batch, bytes of all, bytes of one response of Kafka beyond its first "
                                   "batch, milliseconds to wait for others to be freed, the record instead of a batch that is "
                                   "too large, and of one that had no room)"},
    {"count", count, METH_O, "count(bytes): further ones, such as copies, that are in memory from now on; negative: no more."},
    {"state", state, METH_NOARGS, "Bytes unpacked at the moment; batches refused since the start because they were too large, or had no room."},
    {"trim", trim, METH_NOARGS, "Give the system back what malloc keeps in pieces."},
    {"allocated", allocated, METH_NOARGS, "Bytes that malloc has handed out and were not freed."},
    {NULL, NULL, 0, NULL}};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_unpacking", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__unpacking(void) { return PyModule_Create(&definition); }
