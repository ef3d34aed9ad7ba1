/* A stream's records as JSON, in the usual case: no headers, keys and values that are JSON in ASCII on one line.
 *
 * render.py does the same in Python, for every case, in nearly three times the time. Whatever this code does not understand
 * it leaves to render.py: it may refuse what is right, never accept what is wrong (tests/unit/runtime/gateway/test_render.py).
 */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum {
    DEEPEST = 64,      /* nested objects and arrays */
    BESIDE = 160,      /* maximum bytes of a record besides its key and value: three names, three numbers, signs */
    EXPECTED = 256,    /* bytes of a record for which room is made at first */
    LONGEST_NUMBER = 20,
    READABLE = 1000    /* characters of an accepted number: LONGEST_NUMBER of jsontext.py */
};

typedef const unsigned char *Text;

/* Input: one JSON document. Each function returns where it ends, or NULL if there is none. */

static Text plain(Text at, Text end) {
    /* Eight bytes at a time; the remaining bits are exact for the first byte that is not plain, which is enough. */
    const uint64_t ones = 0x0101010101010101ULL, high = 0x8080808080808080ULL;
    while (end - at >= 8) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
        uint64_t quote = word ^ (ones * '"'), backslash = word ^ (ones * '\\');
        uint64_t special = ((quote - ones) & ~quote) | ((backslash - ones) & ~backslash);
        if ((special | (word - ones * ' ') | word) & high) break;
        at += 8;
    }
    while (at < end && *at >= ' ' && *at < 0x80 && *at != '"' && *at != '\\') at++;
    return at;
}

static Text string(Text at, Text end) {
    for (;;) {
        at = plain(at, end);
        if (at == end) return NULL;
        if (*at == '"') return at + 1;
        if (*at != '\\' || end - at < 2 || memchr("\"\\/bfnrt", at[1], 8) == NULL) return NULL;
        at += 2;
    }
}

static Text digits(Text at, Text end) {
    Text begin = at;
    while (at < end && *at >= '0' && *at <= '9') at++;
    return at == begin ? NULL : at;
}

static Text number(Text at, Text end) {
    Text begin = at;
    if (*at == '-') at++;
    if (at < end && *at == '0') at++;
    else if ((at = digits(at, end)) == NULL) return NULL;
    if (at < end && *at == '.' && (at = digits(at + 1, end)) == NULL) return NULL;
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        if (at < end && (*at == '+' || *at == '-')) at++;
        if ((at = digits(at, end)) == NULL) return NULL;
    }
    return at - begin > READABLE ? NULL : at;
}

static Text word(Text at, Text end, const char *expected, size_t length) {
    return (size_t)(end - at) >= length && memcmp(at, expected, length) == 0 ? at + length : NULL;
}

static Text blanks(Text at, Text end) {
    while (at < end && (*at == ' ' || *at == '\t')) at++;
    return at;
}

static bool is_json(Text at, Text end) {
    unsigned char closing[DEEPEST];
    int depth = 0;
    for (;;) {
        /* A value, or its beginning. */
        at = blanks(at, end);
        if (at == end) return false;
        if (*at == '{' || *at == '[') {
            if (depth == DEEPEST) return false;
            closing[depth] = *at == '{' ? '}' : ']';
            at = blanks(at + 1, end);
            if (at < end && *at == closing[depth]) at++;
            else if (closing[depth++] == '}') goto name;
            else continue;
        } else if (*at == '"') at = string(at + 1, end);
        else if (*at == 't') at = word(at, end, "true", 4);
        else if (*at == 'f') at = word(at, end, "false", 5);
        else if (*at == 'n') at = word(at, end, "null", 4);
        else at = number(at, end);
        if (at == NULL) return false;
        /* What follows a value. */
        for (;;) {
            at = blanks(at, end);
            if (depth == 0) return at == end;
            if (at == end) return false;
            if (*at != closing[depth - 1]) break;
            at++;
            depth--;
        }
        if (*at++ != ',') return false;
        if (closing[depth - 1] == ']') continue;
    name:
        at = blanks(at, end);
        if (at == end || *at != '"' || (at = string(at + 1, end)) == NULL) return false;
        at = blanks(at, end);
        if (at == end || *at++ != ':') return false;
    }
}

/* Output. */

typedef struct {
    char *start, *at, *end;
} Buffer;

static int reserve(Buffer *buffer, size_t more) {
    if ((size_t)(buffer->end - buffer->at) >= more) return 0;
    size_t used = (size_t)(buffer->at - buffer->start), size = 2 * (size_t)(buffer->end - buffer->start);
    if (size < used + more) size = used + more;
    char *start = PyMem_Realloc(buffer->start, size);
    if (start == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    *buffer = (Buffer){start, start + used, start + size};
    return 0;
}

static void put(Buffer *buffer, const char *text, size_t length) {
    memcpy(buffer->at, text, length);
    buffer->at += length;
}

#define PUT(buffer, text) put(buffer, text, sizeof(text) - 1)

static void put_number(Buffer *buffer, long long value) {
    char text[LONGEST_NUMBER];
    size_t place = sizeof text;
    unsigned long long rest = value < 0 ? 0ULL - (unsigned long long)value : (unsigned long long)value;
    do text[--place] = (char)('0' + rest % 10);
    while (rest /= 10);
    if (value < 0) text[--place] = '-';
    put(buffer, text + place, sizeof text - place);
}

/* Kafka's messages: their methods without arguments are called directly as C functions. */

static PyTypeObject *Message;
static PyCFunction partition_of, offset_of, timestamp_of, key_of, value_of, headers_of;

enum { FAILED = -1, LEFT = 0, DONE = 1 }; /* LEFT to render.py */

static int get_number(PyObject *found, long long *into) {
    if (found == NULL) return FAILED;
    *into = PyLong_AsLongLong(found);
    Py_DECREF(found);
    return *into == -1 && PyErr_Occurred() ? FAILED : DONE;
}

static int put_content(Buffer *buffer, PyObject *content) {
    if (content == NULL) return FAILED;
    int done = LEFT;
    if (content == Py_None) {
        PUT(buffer, "null");
        done = DONE;
    } else if (PyBytes_CheckExact(content)) {
        Text begin = (Text)PyBytes_AS_STRING(content), end = begin + PyBytes_GET_SIZE(content);
        if (is_json(begin, end)) {
            begin = blanks(begin, end);
            while (end[-1] == ' ' || end[-1] == '\t') end--;
            size_t length = (size_t)(end - begin);
            done = reserve(buffer, length + BESIDE) ? FAILED : DONE;
            if (done == DONE) put(buffer, (const char *)begin, length);
        }
    }
    Py_DECREF(content);
    return done;
}

/* Fetches a message's fields first. */
static int look(PyObject *message, long long *partition, long long *offset) {
    if (Py_TYPE(message) != Message) return LEFT;
    PyObject *headers = headers_of(message, NULL);
    if (headers == NULL) return FAILED;
    bool has_none = headers == Py_None;
    Py_DECREF(headers);
    if (!has_none) return LEFT;
    if (get_number(partition_of(message, NULL), partition) == FAILED) return FAILED;
    return get_number(offset_of(message, NULL), offset);
}

static int put_record(Buffer *buffer, PyObject *message, long long partition, long long offset) {
    PyObject *timestamp = timestamp_of(message, NULL);
    if (timestamp == NULL) return FAILED;
    long long milliseconds;
    int known = get_number(PySequence_GetItem(timestamp, 1), &milliseconds);
    Py_DECREF(timestamp);
    if (known == FAILED || reserve(buffer, BESIDE)) return FAILED;
    PUT(buffer, "{\"partition\":");
    put_number(buffer, partition);
    PUT(buffer, ",\"offset\":");
    put_number(buffer, offset);
    PUT(buffer, ",\"timestamp\":");
    put_number(buffer, milliseconds);
    PUT(buffer, ",\"key\":");
    int done = put_content(buffer, key_of(message, NULL));
    if (done != DONE) return done;
    PUT(buffer, ",\"value\":");
    done = put_content(buffer, value_of(message, NULL));
    if (done == DONE) PUT(buffer, "}");
    return done;
}

static int put_bytes(Buffer *buffer, PyObject *text) {
    size_t length = (size_t)PyBytes_GET_SIZE(text);
    if (reserve(buffer, length + BESIDE)) return FAILED;
    put(buffer, PyBytes_AS_STRING(text), length);
    return DONE;
}

static int set_position(PyObject *positions, long long partition, long long position) {
    PyObject *key = PyLong_FromLongLong(partition), *value = PyLong_FromLongLong(position);
    int result = key == NULL || value == NULL ? -1 : PyDict_SetItem(positions, key, value);
    Py_XDECREF(key);
    Py_XDECREF(value);
    return result;
}

/* The text around the position in the ids of a partition's events. */
static PyObject *ask(PyObject *around, PyObject *positions, long long partition) {
    PyObject *texts = PyObject_CallFunction(around, "OL", positions, partition);
    if (texts == NULL) return NULL;
    if (PyTuple_Check(texts) && PyTuple_GET_SIZE(texts) == 2 && PyBytes_Check(PyTuple_GET_ITEM(texts, 0)) &&
        PyBytes_Check(PyTuple_GET_ITEM(texts, 1)))
        return texts;
    Py_DECREF(texts);
    PyErr_SetString(PyExc_TypeError, "around() returns two bytes objects");
    return NULL;
}

static int put_all(Buffer *buffer, PyObject *const *messages, Py_ssize_t count, PyObject *positions, PyObject *around) {
    long long partition = -1, offset = -1, before = -1, position = -1;
    PyObject *texts = NULL;
    int done = reserve(buffer, (size_t)count * EXPECTED + BESIDE) ? FAILED : DONE;
    if (done == DONE && around == NULL) PUT(buffer, "[");
    for (Py_ssize_t index = 0; index < count && done == DONE; index++) {
        done = look(messages[index], &partition, &offset);
        if (done != DONE) break;
        if (index == 0 || partition != before) {
            if (index > 0 && set_position(positions, before, position)) done = FAILED;
            if (around != NULL && done == DONE) {
                Py_XSETREF(texts, ask(around, positions, partition));
                if (texts == NULL) done = FAILED;
            }
            if (done != DONE) break;
        }
        before = partition;
        position = offset + 1;
        if (around != NULL) {
            done = put_bytes(buffer, PyTuple_GET_ITEM(texts, 0));
            if (done == DONE) {
                put_number(buffer, position);
                done = put_bytes(buffer, PyTuple_GET_ITEM(texts, 1));
            }
        } else if (index > 0) PUT(buffer, ",");
        if (done == DONE) done = put_record(buffer, messages[index], partition, offset);
        if (done == DONE && around != NULL) PUT(buffer, "\n\n");
    }
    if (done == DONE && count > 0 && set_position(positions, before, position)) done = FAILED;
    if (done == DONE && around == NULL) PUT(buffer, "]");
    Py_XDECREF(texts);
    return done;
}

static PyObject *render(PyObject *messages, PyObject *positions, PyObject *around) {
    PyObject *reached = PyDict_Copy(positions), *result = NULL;
    if (reached == NULL) return NULL;
    Buffer buffer = {0};
    int done = put_all(&buffer, PySequence_Fast_ITEMS(messages), PySequence_Fast_GET_SIZE(messages), reached, around);
    if (done == LEFT) result = Py_NewRef(Py_None);
    /* The positions move together, once nothing can go wrong any more. */
    if (done == DONE) result = PyBytes_FromStringAndSize(buffer.start, buffer.at - buffer.start);
    if (done == DONE && result != NULL && PyDict_Update(positions, reached)) Py_CLEAR(result);
    PyMem_Free(buffer.start);
    Py_DECREF(reached);
    return result;
}

static PyObject *of(const char *function, PyObject *const *arguments, PyObject *around) {
    if (!PyDict_Check(arguments[1]))
        return PyErr_Format(PyExc_TypeError, "%s() takes positions as a dict", function);
    PyObject *messages = PySequence_Fast(arguments[0], "messages come as a sequence");
    if (messages == NULL) return NULL;
    PyObject *result = render(messages, arguments[1], around);
    Py_DECREF(messages);
    return result;
}

static PyObject *array(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
    (void)module;
    if (count != 2) return PyErr_Format(PyExc_TypeError, "array() takes messages and positions");
    return of("array", arguments, NULL);
}

static PyObject *events(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
    (void)module;
    if (count != 3) return PyErr_Format(PyExc_TypeError, "events() takes messages, positions and a function");
    return of("events", arguments, arguments[2]);
}

/* Whether a JSON document may exceed what most readers can read: jsontext.py then looks closer. */

enum { OTHER = 0, NUMERIC, QUOTE, OPENING, CLOSING };

static const unsigned char kinds[256] = {
    ['-'] = NUMERIC, ['+'] = NUMERIC, ['.'] = NUMERIC, ['e'] = NUMERIC, ['E'] = NUMERIC, ['0'] = NUMERIC, ['1'] = NUMERIC,
    ['2'] = NUMERIC, ['3'] = NUMERIC, ['4'] = NUMERIC, ['5'] = NUMERIC, ['6'] = NUMERIC, ['7'] = NUMERIC, ['8'] = NUMERIC,
    ['9'] = NUMERIC, ['"'] = QUOTE, ['['] = OPENING, ['{'] = OPENING, [']'] = CLOSING, ['}'] = CLOSING};

/* A number that is too long has this many positions in a row at this distance from each other. */
enum { PLACES = 4, STRIDE = READABLE / PLACES };

static bool may_have_long_number(Text at, Text end) {
    int found = 0;
    for (; at < end && found < PLACES; at = end - at > STRIDE ? at + STRIDE : end)
        found = kinds[*at] == NUMERIC ? found + 1 : 0;
    return found == PLACES;
}

static bool is_deeper(Text at, Text end, long most) {
    for (long depth = 0; at < end; at++) {
        unsigned char kind = kinds[*at];
        if (kind == OPENING && ++depth > most) return true;
        if (kind == CLOSING) depth--;
        if (kind == QUOTE) {
            for (at++; (at = plain(at, end)) < end && *at != '"'; at++)
                if (*at == '\\' && ++at == end) break;
            if (at == end) break;
        }
    }
    return false;
}

static PyObject *suspicious(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
    (void)module;
    Py_buffer content;
    if (count != 2) return PyErr_Format(PyExc_TypeError, "suspicious() takes a document and a depth");
    long most = PyLong_AsLong(arguments[1]);
    if ((most == -1 && PyErr_Occurred()) || PyObject_GetBuffer(arguments[0], &content, PyBUF_SIMPLE)) return NULL;
    Text begin = content.buf, end = begin + content.len;
    bool found = may_have_long_number(begin, end) || is_deeper(begin, end, most);
    PyBuffer_Release(&content);
    return PyBool_FromLong(found);
}

static PyCFunction method(const char *name) {
    PyObject *found = PyObject_GetAttrString((PyObject *)Message, name);
    if (found == NULL) return NULL;
    PyCFunction function = NULL;
    if (Py_IS_TYPE(found, &PyMethodDescr_Type)) {
        PyMethodDef *definition = ((PyMethodDescrObject *)found)->d_method;
        if (definition->ml_flags == METH_NOARGS) function = definition->ml_meth;
    }
    Py_DECREF(found); /* the type keeps it */
    if (function == NULL) PyErr_Format(PyExc_ImportError, "confluent_kafka.Message.%s is no function of C", name);
    return function;
}

static PyMethodDef functions[] = {
    {"suspicious", (PyCFunction)(void (*)(void))suspicious, METH_FASTCALL, NULL},
    {"array", (PyCFunction)(void (*)(void))array, METH_FASTCALL, NULL},
    {"events", (PyCFunction)(void (*)(void))events, METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT, .m_name = "_records", .m_size = -1, .m_methods = functions};

PyMODINIT_FUNC PyInit__records(void) {
    PyObject *kafka = PyImport_ImportModule("confluent_kafka");
    if (kafka == NULL) return NULL;
    Message = (PyTypeObject *)PyObject_GetAttrString(kafka, "Message");
    Py_DECREF(kafka);
    if (Message == NULL) return NULL;
    if (!(partition_of = method("partition")) || !(offset_of = method("offset")) || !(key_of = method("key")) ||
        !(timestamp_of = method("timestamp")) || !(value_of = method("value")) || !(headers_of = method("headers")))
        return NULL;
    return PyModule_Create(&definition);
}
