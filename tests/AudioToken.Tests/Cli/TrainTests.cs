using System.Diagnostics;
using AudioToken.Testing;
using Xunit;
using static AudioToken.Tests.Cli.CliProcess;

namespace AudioToken.Tests.Cli;

/// <summary>Training as a process: killed, asked to end, and gone on with (RELIABILITY cases 60 and 61).</summary>
[Collection(CliTests.Name)]
public sealed class TrainTests(CliDemo demo)
{
    [Fact]
    public void KilledAndTerminated_TrainingGoesOnToTheBit()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "signals are sent with kill");
        string folder = demo.NewFolder();
        demo.Run("world", "--out", Path.Combine(folder, "data"), "--kinds", "rain,dog", "--count", "1", "--size", "64", "--seconds", "2").Exits(0);
        string[] train = ["train", "data", "-m", demo.Model, "--steps", "30", "--batch", "1", "--save-every", "1", "--width", "64", "--height", "64", "--lora-rank", "2"];
        using (Process whole = Start(folder, [.. train, "--out", "whole"]))
            Assert.Equal(0, End(whole).Exit);

        using (Process killed = Start(folder, [.. train, "--out", "parts"]))
        {
            WaitForLine(killed, "update 1 of 30");
            using (Process second = Start(folder, [.. train, "--out", "parts", "--resume"]))
            {
                (int exit, _, string error) = End(second);
                Assert.Equal(8, exit);
                Assert.Contains($"error AT8701: 'parts' is in use by another trainer: process {killed.Id} on ", error, StringComparison.Ordinal);
            }

            killed.Kill();
            Assert.True(killed.WaitForExit(Patience));
        }

        using (Process terminated = Start(folder, [.. train, "--out", "parts", "--resume"]))
        {
            WaitForLine(terminated, "update ");
            Send(terminated, "TERM");
            (int exit, _, string error) = End(terminated);
            Assert.True(exit is 143 or 0, $"exit code {exit}: {error}"); // 0 where it was done before the signal came
        }

        using (Process last = Start(folder, [.. train, "--out", "parts", "--resume"]))
            Assert.Equal(0, End(last).Exit);
        foreach (string name in (string[])["embedder.safetensors", "lora.safetensors", "log.csv"])
            Assert.Equal(File.ReadAllBytes(Path.Combine(folder, "whole", name)), File.ReadAllBytes(Path.Combine(folder, "parts", name)));
    }

    [Fact]
    public void DiskFullAtACheckpoint_KeepsTheOneBeforeAndGoesOnToTheBit()
    {
        string folder = demo.NewFolder(), small = Path.Combine(folder, "small");
        demo.Run("world", "--out", Path.Combine(folder, "data"), "--kinds", "rain,dog", "--count", "1", "--size", "64", "--seconds", "2").Exits(0);
        string[] train = ["train", "data", "-m", demo.Model, "--steps", "3", "--batch", "1", "--save-every", "1", "--width", "64", "--height", "64", "--lora-rank", "2"];
        using (Process whole = Start(folder, [.. train, "--out", "whole"]))
            Assert.Equal(0, End(whole).Exit);
        long checkpoint = new FileInfo(Path.Combine(folder, "whole", "checkpoint-00000003.safetensors")).Length;

        using SmallFileSystem? disk = SmallFileSystem.Mount(small, checkpoint * 3 / 2);
        Assert.SkipWhen(disk is null, "this user may not mount a small file system");
        using (Process full = Start(folder, [.. train, "--out", "small"]))
        {
            (int exit, _, string error) = End(full);
            Assert.Equal(8, exit);
            Assert.Matches("error AT8102: Cannot write 'small/checkpoint-00000002.safetensors': the disk is full", error);
            Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
        }

        Assert.Equal(["small/checkpoint-00000001.safetensors"], Directory.EnumerateFiles(small, "checkpoint-*").Select(file => Path.GetRelativePath(folder, file)));
        disk.Resize(checkpoint * 8);
        using (Process resumed = Start(folder, [.. train, "--out", "small", "--resume"]))
            Assert.Equal(0, End(resumed).Exit);
        foreach (string name in (string[])["embedder.safetensors", "lora.safetensors"])
            Assert.Equal(File.ReadAllBytes(Path.Combine(folder, "whole", name)), File.ReadAllBytes(Path.Combine(small, name)));
    }

    [Fact]
    public void SamplePictures_AreDrawnOnTheWay()
    {
        string folder = demo.NewFolder(), data = Path.Combine(folder, "data"), run = Path.Combine(folder, "run");
        demo.Run("world", "--out", data, "--kinds", "rain,dog", "--count", "1", "--size", "64", "--seconds", "2").Exits(0);
        CliRun trained = demo.Run(
            "train", data, "-m", demo.Model, "--steps", "2", "--batch", "1", "--width", "64", "--height", "64", "--label-loss", "0.01", "--sample-every", "2", "--out", run, "--json").Exits(0);
        Assert.Equal(Path.Combine(run, "embedder.safetensors"), trained.Json.GetProperty("outputs")[0].GetProperty("path").GetString());
        Assert.Equal(
            ["embedder.safetensors", "update-00000002-1.png", "update-00000002-2.png"],
            Directory.EnumerateFiles(Path.Combine(run, "samples")).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        demo.Run("inspect", Path.Combine(run, "samples", "update-00000002-1.png")).Exits(0);

        File.WriteAllText(Path.Combine(folder, "none.csv"), "x,0,dog,train");
        demo.Run("train", data, "-m", demo.Model, "--labels", Path.Combine(folder, "none.csv"), "--out", run).Refuses(3701, "of 2 none is in the table of labels");
    }

    [Fact]
    public void ASheet_ShowsSoundsAndWhatIsDrawnOfThem()
    {
        string folder = demo.NewFolder(), sheet = Path.Combine(folder, "sheet.png");
        CliRun run = demo.Run("sheet", demo.Sound, demo.Sound, "-m", demo.Model, "-o", sheet, "--count", "1", "--steps", "1", "--json").Exits(0);
        Assert.Equal(sheet, run.Json.GetProperty("outputs")[0].GetProperty("path").GetString());
        demo.Run("inspect", sheet).Exits(0);
        demo.Run("sheet", Path.Combine(folder, "none.wav"), "-m", demo.Model, "-o", sheet).Refuses(3001, "there is no file", "none.wav");
    }

    [Fact]
    public void FolderThatCannotBeWritten_IsNotTakenForAnotherTrainers()
    {
        string folder = demo.NewFolder();
        demo.Run("world", "--out", Path.Combine(folder, "data"), "--kinds", "rain", "--count", "1", "--size", "64", "--seconds", "2").Exits(0);
        demo.Run("train", Path.Combine(folder, "data"), "-m", demo.Model, "--out", demo.Sound).Refuses(8702, $"'{demo.Sound}' cannot be a run's folder", "try:   another folder with --out");
        using SmallFileSystem? disk = SmallFileSystem.Mount(Path.Combine(folder, "ro"), 16384);
        Assert.SkipWhen(disk is null, "this user may not mount a small file system");
        disk!.MakeReadOnly();
        demo.Run("train", Path.Combine(folder, "data"), "-m", demo.Model, "--out", disk.Folder).Refuses(8702, "cannot be a run's folder: Read-only file system");
        demo.Draw("-o", Path.Combine(disk.Folder, "out.png")).Refuses(8502, "takes no files: Read-only file system\n");
    }

    [Fact]
    public void WhatCannotBeTrained_IsRefused()
    {
        string folder = demo.NewFolder();
        demo.Run("train", folder, "--out", Path.Combine(folder, "run")).Refuses(3701, "holds no sample to train on: no sound has a picture of its name", "try:   put name.wav beside name.png");
        demo.Run("train", folder, "--out", Path.Combine(folder, "run"), "--lora-targets", "q,z").Refuses(2501, "--lora-targets holds 'z', wanted some of q,k,v,out");
        demo.Run("train", folder, "--out", Path.Combine(folder, "run"), "--batch", "0").Refuses(2502, "--batch is '0'", "try:   --batch 1, the nearest");
    }
}
