using System.Reflection;
using System.Runtime.CompilerServices;
using AudioToken.Backends.Cuda;
using AudioToken.Backends.Cuda.Driver;
using AudioToken.Backends.Cuda.Memory;
using Xunit;

namespace AudioToken.Cuda.Tests;

/// <summary>Launches are the same where all bytes of their arguments are.</summary>
public sealed class LaunchLogTests
{
    private const BindingFlags Fields = BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic;

    public static TheoryData<string> Structs => new(Arguments.Select(type => type.Name));

    private static IEnumerable<Type> Arguments => typeof(CudaOps).GetNestedTypes(BindingFlags.NonPublic)
        .Where(type => type.IsValueType && !type.IsEnum && !type.ContainsGenericParameters && !type.IsDefined(typeof(CompilerGeneratedAttribute)))
        .Append(typeof(SumParts.Split)).Append(typeof(LaunchShape));

    // What lies between a struct's fields is whatever was there before.
    [Theory]
    [MemberData(nameof(Structs))]
    public void StructsOfArguments_HaveNoPadding(string name)
    {
        Type type = Arguments.Single(one => one.Name == name);
        Assert.Equal(BytesOfFields(type), SizeOf(type));
    }

    private static int BytesOfFields(Type type)
    {
        if (type.IsPrimitive || type.IsEnum)
            return SizeOf(type);
        int each = type.GetFields(Fields).Sum(field => BytesOfFields(field.FieldType));
        return each * (type.GetCustomAttribute<InlineArrayAttribute>()?.Length ?? 1);
    }

    private static int SizeOf(Type type) => (int)typeof(Unsafe).GetMethod(nameof(Unsafe.SizeOf))!.MakeGenericMethod(type).Invoke(null, null)!;
}
