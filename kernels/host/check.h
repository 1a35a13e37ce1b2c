// check.h: a test's verdict. Every failure is printed; the exit code says whether there was one.
#pragma once
#include <cstdio>
#include <string>

inline int failures = 0;

inline void check(bool holds, const std::string& what)
{
    if (!holds) {
        std::printf("FAILED: %s\n", what.c_str());
        failures++;
    }
}
