// SPDX-License-Identifier: Apache-2.0
#pragma once

#define NAN         __builtin_nanf("")
#define INFINITY    __builtin_inff()
#define HUGE_VAL    __builtin_inf()
#define isnan(x)    __builtin_isnan(x)
#define isinf(x)    __builtin_isinf(x)
#define isfinite(x) __builtin_isfinite(x)
#define signbit(x)  __builtin_signbit(x)

double ceil(double);
double fabs(double);
double floor(double);
double fma(double, double, double);
double pow(double, double);
double sqrt(double);
double trunc(double);
float sqrtf(float);
float fmaf(float, float, float);
