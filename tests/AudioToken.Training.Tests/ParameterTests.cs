using AudioToken.Backends.Cpu;
using AudioToken.Tensors;
using AudioToken.Testing;
using AudioToken.Training.Optimisation;
using Xunit;

namespace AudioToken.Training.Tests;

/// <summary>How weights to be trained lie on the backend.</summary>
public sealed class ParameterTests
{
    [Fact]
    public void AWeightToBeTrained_RestsInFp32_WhateverItsFileHolds()
    {
        Shape shape = [32, 3];
        using CpuOps cpu = new(new CpuOptions { Threads = 1 });
        using ParameterOps ops = new(cpu, name => name == "trained");
        using TensorScope scope = cpu.Scope();
        using Weight frozen = Load(ops, "frozen", shape);
        Assert.Equal(shape.Count * 2, cpu.MemoryStatistics.WeightBytes);
        using Weight trained = Load(ops, "trained", shape);
        Assert.Equal(shape.Count * 6, cpu.MemoryStatistics.WeightBytes);

        // A step far below what F16 tells apart near 1.
        Parameter parameter = Assert.Single(ops.Parameters);
        float[] moved = [.. parameter.Values.Select(value => value * (1 + 1e-6f))];
        moved.CopyTo(parameter.Values, 0);
        parameter.Publish(cpu);
        Tensor rows = cpu.Linear(cpu.Upload([1f, 0, 0, 0, 1, 0, 0, 0, 1], [3, 3]), trained, default); // the weight's columns
        float[] found = cpu.Values(rows);
        Assert.Equal(moved, Enumerable.Range(0, moved.Length).Select(i => found[(i % 3 * 32) + (i / 3)]));
    }

    private static Weight Load(ParameterOps ops, string name, Shape shape) =>
        ops.LoadWeight(HalfWeightSource.Rounded(name, shape, DType.F16, new Draw(1).Normal(shape)), WeightRole.Linear);
}
