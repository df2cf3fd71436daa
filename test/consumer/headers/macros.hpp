// Names that other people's headers define as macros, and that ours must so do without: included
// before each of them. Each expands to what compiles nowhere.

// Qt, without QT_NO_KEYWORDS.
#define signals ~
#define slots ~
#define emit ~
#define foreach(variable, container) ~
#define forever ~

// X11.
#define None ~
#define Bool ~
#define Status ~
#define True ~
#define False ~
#define Success ~
#define Always ~
#define Above ~
#define Below ~
#define BadRequest ~
#define Complex ~
#define Convex ~
#define CursorShape ~
#define Expose ~
#define FocusIn ~
#define FocusOut ~
#define InputOnly ~
#define KeyPress ~
#define KeyRelease ~
#define Opposite ~
#define Unsorted ~

// Windows.
#define min(a, b) ~
#define max(a, b) ~
#define near ~
#define far ~
#define small ~
#define hyper ~
#define huge ~
#define cdecl ~
#define pascal ~
#define interface ~
#define IN ~
#define OUT ~
#define OPTIONAL ~
#define CONST ~
#define VOID ~
#define TRUE ~
#define FALSE ~
#define STRICT ~
#define ERROR ~
#define NO_ERROR ~
#define DELETE ~
#define IGNORE ~
#define ABSOLUTE ~
#define RELATIVE ~
#define CALLBACK ~
#define DOMAIN ~
#define OVERFLOW ~
#define UNDERFLOW ~
#define OPAQUE ~
#define TRANSPARENT ~
#define Yield ~
#define CreateEvent ~
#define CreateFile ~
#define DeleteFile ~
#define CopyFile ~
#define MoveFile ~
#define DrawText ~
#define GetObject ~
#define GetMessage ~
#define PostMessage ~
#define SendMessage ~
#define ReportEvent ~
#define Yield ~

// Of old Unix systems, gcc's GNU dialects, Apple's frameworks, loggers and test frameworks.
#define unix ~
#define linux ~
#define major(d) ~
#define minor(d) ~
#define makedev(a, b) ~
#define nil ~
#define Nil ~
#define YES ~
#define NO ~
#define check(x) ~
#define verify(x) ~
#define require(x, l) ~
#define DEBUG ~
#define INFO ~
#define WARNING ~
#define FATAL ~
#define LOG(x) ~
#define CHECK(x) ~
#define REQUIRE(x) ~
#define FAIL(x) ~
#define ECHO ~
#define PI ~
#define I ~
#define likely(x) ~
#define unlikely(x) ~
